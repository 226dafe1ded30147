//! OTLP over gRPC: one unary call for each request.

use std::time::Duration;

use prost::Message as _;
use tokio::runtime::{Builder, Runtime};
use tonic::client::Grpc as Client;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::{Ascii, MetadataKey, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};

use super::super::message::{Delay, RetryInfo, Status as Details};
use super::{Answer, LONGEST_PAUSE, Transport, Trouble, accepted};
use crate::otlp::config::Target;
use crate::thread;

/// A channel that connects when it is first used, and again when it has to. It lives on the runtime of this thread alone,
/// and stands still between two calls.
pub(super) struct Grpc {
    runtime: Runtime,
    channel: Channel,
    headers: Vec<(MetadataKey<Ascii>, MetadataValue<Ascii>)>,
    gzip: bool,
    timeout: Duration,
}

impl Grpc {
    pub(super) fn new(target: &Target) -> Result<Grpc, String> {
        // Names are looked up on threads of the runtime.
        let runtime = Builder::new_current_thread()
            .enable_all()
            .thread_name("dihya-otlp-names")
            .on_thread_start(thread::forbid)
            .build();
        let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
        let told = |error: tonic::transport::Error| error.to_string();
        let mut endpoint = Endpoint::from_shared(target.endpoint.clone())
            .and_then(|endpoint| endpoint.user_agent(target.agent()))
            .map_err(told)?
            .connect_timeout(target.timeout)
            .timeout(target.timeout);
        if target.endpoint.starts_with("https:") {
            let tls = match &target.ca {
                Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
                None => ClientTlsConfig::new().with_native_roots(),
            };
            endpoint = endpoint.tls_config(tls).map_err(told)?;
        }
        let headers = target.headers.iter().map(|(name, value)| {
            let name = MetadataKey::from_bytes(name.to_ascii_lowercase().as_bytes()).ok()?;
            let mut value: MetadataValue<Ascii> = value.parse().ok()?;
            value.set_sensitive(true);
            Some((name, value))
        });
        let headers = headers
            .collect::<Option<_>>()
            .ok_or("a header's name or value has characters that gRPC does not take")?;
        // Its worker is spawned here, and runs whenever this runtime does.
        let channel = {
            let _inside = runtime.enter();
            endpoint.connect_lazy()
        };
        Ok(Grpc { runtime, channel, headers, gzip: target.gzip, timeout: target.timeout })
    }
}

impl Transport for Grpc {
    fn send(&mut self, request: &[u8]) -> Answer {
        let mut call = Request::new(request.to_vec());
        for (name, value) in &self.headers {
            call.metadata_mut().insert(name.clone(), value.clone());
        }
        let mut client = Client::new(self.channel.clone()).accept_compressed(CompressionEncoding::Gzip);
        if self.gzip {
            client = client.send_compressed(CompressionEncoding::Gzip);
        }
        let answer = self.runtime.block_on(async {
            // The endpoint's own limit does not count the time until a connection stands.
            tokio::time::timeout(self.timeout, async {
                client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
                client.unary(call, PathAndQuery::from_static(EXPORT), Bytes).await
            })
            .await
            .unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time")))
        });
        match answer {
            Ok(response) => accepted(response.get_ref()).unwrap_or_else(|| {
                Answer::Refused(Trouble::new("refused", "an answer that is none of OTLP's"))
            }),
            Err(status) => refused(&status),
        }
    }
}

fn refused(status: &Status) -> Answer {
    let after = retry_delay(status.details());
    let what = || format!("gRPC {}", status.code() as i32);
    let trouble = |reason| Trouble::new(reason, what()).saying(status.message());
    match status.code() {
        Code::Ok => Answer::Refused(trouble("refused")),
        Code::Unavailable if after.is_none() && status.details().is_empty() => {
            Answer::Later(trouble("unreachable"), None)
        }
        // The last two are what a connection that breaks off comes out as.
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss
        | Code::Unknown
        | Code::Internal => Answer::Later(trouble("unavailable"), after),
        Code::ResourceExhausted if after.is_some() => Answer::Later(trouble("unavailable"), after),
        // Without a delay it is how a server says that a message is longer than it takes.
        Code::ResourceExhausted => Answer::TooLarge(trouble("too_large")),
        Code::InvalidArgument => Answer::Bad(trouble("bad_data")),
        _ => Answer::Refused(trouble("refused")),
    }
}

/// `google.rpc.RetryInfo` among the details of a status.
fn retry_delay(details: &[u8]) -> Option<Duration> {
    let details = Details::decode(details).ok()?.details;
    let info = details.iter().find(|detail| detail.type_url.ends_with("/google.rpc.RetryInfo"))?;
    let Delay { seconds, nanos } = RetryInfo::decode(&info.value[..]).ok()?.retry_delay?;
    let delay = Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanos).ok()?.min(999_999_999));
    Some(delay.min(LONGEST_PAUSE))
}

/// Messages are encoded before, and decoded after.
#[derive(Clone, Copy)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Bytes;
    type Decoder = Bytes;

    fn encoder(&mut self) -> Bytes {
        Bytes
    }

    fn decoder(&mut self) -> Bytes {
        Bytes
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        prost::bytes::BufMut::put_slice(to, &item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut bytes = vec![0; prost::bytes::Buf::remaining(from)];
        prost::bytes::Buf::copy_to_slice(from, &mut bytes);
        Ok(Some(bytes))
    }
}

const EXPORT: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

#[cfg(test)]
mod tests {
    use super::super::super::message::Detail;
    use super::*;

    fn status(code: Code, delay: Option<Delay>) -> Status {
        let details = delay.map_or_else(Vec::new, |delay| {
            let info = RetryInfo { retry_delay: Some(delay) };
            let detail = Detail {
                type_url: "type.googleapis.com/google.rpc.RetryInfo".into(),
                value: info.encode_to_vec(),
            };
            Details { code: code as i32, message: String::new(), details: vec![detail] }.encode_to_vec()
        });
        Status::with_details(code, "", details.into())
    }

    #[test]
    fn an_exhausted_receiver_is_asked_again_only_if_it_says_when() {
        let delay = Delay { seconds: 2, nanos: 500_000_000 };
        let answer = refused(&status(Code::ResourceExhausted, Some(delay)));
        assert!(matches!(answer, Answer::Later(_, Some(after)) if after == Duration::from_millis(2_500)));
        assert!(matches!(refused(&status(Code::ResourceExhausted, None)), Answer::TooLarge(_)));
        assert!(matches!(refused(&status(Code::Unavailable, Some(delay))), Answer::Later(_, Some(_))));
        assert!(matches!(refused(&status(Code::InvalidArgument, Some(delay))), Answer::Bad(_)));
        assert!(matches!(refused(&status(Code::Unauthenticated, None)), Answer::Refused(_)));
    }
}
