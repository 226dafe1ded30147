//! The events: standard, heavy, hit and disabled, through `tracing` and through `slog`.

use tracing::{info, info_span, trace};
use uuid::Uuid;

/// A logging front end that can say the four events.
///
/// Measuring code is generic over it, so that no indirect call stands between the loop and the macro.
pub trait Frontend: Sync {
    /// About 350 bytes of JSON: a request was served.
    fn standard(&self, id: Uuid);
    /// 20 fields and a message of 1.5 KB.
    fn heavy(&self, id: Uuid);
    /// The standard event with one credential in its `route`.
    fn hit(&self, id: Uuid);
    /// An event below the level; `false` if the front end removes it at compile time.
    fn disabled(&self, id: Uuid) -> bool;
    /// Runs `body` on this thread inside the context of one request: `service`, `version`, `trace_id`.
    fn inside<R>(&self, body: impl FnOnce() -> R) -> R;
}

/// The macros of `tracing`, inside one entered span.
#[derive(Debug)]
pub struct Tracing {
    heavy_message: String,
    hit_route: String,
}

impl Tracing {
    /// Texts are built here once, so that an event copies none.
    pub fn new() -> Tracing {
        Tracing { heavy_message: heavy_message(), hit_route: hit_route() }
    }
}

impl Default for Tracing {
    fn default() -> Tracing {
        Tracing::new()
    }
}

impl Frontend for Tracing {
    #[inline]
    fn standard(&self, id: Uuid) {
        info!(target: "api", method = "GET", route = "/v1/patients/{id}", status = 200u64, latency_us = 1834u64,
            user_id = "user_123", tenant = "clinic-7", request_id = %id, "request served");
    }

    #[inline]
    fn heavy(&self, id: Uuid) {
        info!(target: "api", method = "POST", route = "/v1/patients/{id}/orders", status = 502u64,
            latency_us = 183_412u64, user_id = "user_123", tenant = "clinic-7", request_id = %id, attempt = 3u64,
            upstream = "orders.internal", region = "eu-west-3", bytes_in = 18_734u64, bytes_out = 512u64,
            cached = false, queue = "orders", shard = 7u64, worker = "worker-12", retries = 2i64, ratio = 0.75,
            protocol = "HTTP/1.1", agent = "clinic-frontend/2.3", "{}", self.heavy_message);
    }

    #[inline]
    fn hit(&self, id: Uuid) {
        info!(target: "api", method = "GET", route = self.hit_route.as_str(), status = 200u64, latency_us = 1834u64,
            user_id = "user_123", tenant = "clinic-7", request_id = %id, "request served");
    }

    #[inline]
    fn disabled(&self, id: Uuid) -> bool {
        trace!(target: "api", method = "GET", status = 200u64, request_id = %id, "request served");
        true
    }

    fn inside<R>(&self, body: impl FnOnce() -> R) -> R {
        info_span!(target: "api", "request", service = SERVICE, version = VERSION, trace_id = TRACE_ID)
            .in_scope(body)
    }
}

/// The macros of `slog`; the span's fields are the logger's own.
#[derive(Debug)]
pub struct Slog {
    logger: slog::Logger,
    heavy_message: String,
    hit_route: String,
}

impl Slog {
    /// A child of `root` carries the three fields that a span carries for `tracing`.
    pub fn new(root: &slog::Logger) -> Slog {
        let logger = root.new(slog::o!("service" => SERVICE, "version" => VERSION, "trace_id" => TRACE_ID));
        Slog { logger, heavy_message: heavy_message(), hit_route: hit_route() }
    }
}

impl Frontend for Slog {
    #[inline]
    fn standard(&self, id: Uuid) {
        slog::info!(self.logger, "request served"; "target" => "api", "method" => "GET",
            "route" => "/v1/patients/{id}", "status" => 200u64, "latency_us" => 1834u64, "user_id" => "user_123",
            "tenant" => "clinic-7", "request_id" => %id);
    }

    #[inline]
    fn heavy(&self, id: Uuid) {
        slog::info!(self.logger, "{}", self.heavy_message; "target" => "api", "method" => "POST",
            "route" => "/v1/patients/{id}/orders", "status" => 502u64, "latency_us" => 183_412u64,
            "user_id" => "user_123", "tenant" => "clinic-7", "request_id" => %id, "attempt" => 3u64,
            "upstream" => "orders.internal", "region" => "eu-west-3", "bytes_in" => 18_734u64, "bytes_out" => 512u64,
            "cached" => false, "queue" => "orders", "shard" => 7u64, "worker" => "worker-12", "retries" => 2i64,
            "ratio" => 0.75, "protocol" => "HTTP/1.1", "agent" => "clinic-frontend/2.3");
    }

    #[inline]
    fn hit(&self, id: Uuid) {
        slog::info!(self.logger, "request served"; "target" => "api", "method" => "GET",
            "route" => self.hit_route.as_str(), "status" => 200u64, "latency_us" => 1834u64,
            "user_id" => "user_123", "tenant" => "clinic-7", "request_id" => %id);
    }

    #[inline]
    fn disabled(&self, _id: Uuid) -> bool {
        false
    }

    fn inside<R>(&self, body: impl FnOnce() -> R) -> R {
        body()
    }
}

/// Request ids that differ in every event and repeat in every run: a scan may not meet one lucky value only.
#[derive(Clone, Debug)]
pub struct Ids(u64);

impl Ids {
    /// A sequence of its own per producer.
    pub fn new(producer: u64) -> Ids {
        Ids(producer.wrapping_mul(0xd134_2543_de82_ef95))
    }

    /// The next id, shaped as a random (version 4) UUID; SplitMix64, about 2 ns.
    #[inline]
    pub fn next_id(&mut self) -> Uuid {
        let high = u128::from(self.next_word()) << 64;
        let bytes = (high | u128::from(self.next_word())).to_be_bytes();
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    #[inline]
    fn next_word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Prose as an upstream's error report has it, and nothing in it to redact.
fn heavy_message() -> String {
    let sentence = "the upstream closed the connection before the whole body had been read; the order stays queued \
                    and will be tried again when the breaker allows it (state half-open, window of ten requests). ";
    sentence.chars().cycle().take(1_500).collect()
}

/// Built at run time: no scanner of this repository shall find a credential in it.
pub fn hit_route() -> String {
    let body: String = ('a'..='z').chain('A'..='J').collect();
    format!("/v1/patients/{{id}}?access={}{}{body}", "gh", "p_")
}

const SERVICE: &str = "clinic";
const VERSION: &str = "1.4.2";
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heavy_message_has_1500_bytes() {
        assert_eq!(heavy_message().len(), 1_500);
    }

    #[test]
    fn ids_differ_and_look_like_random_uuids() {
        let mut ids = Ids::new(1);
        let (a, b) = (ids.next_id(), ids.next_id());
        assert_ne!(a, b);
        assert_eq!(a.get_version_num(), 4);
    }
}
