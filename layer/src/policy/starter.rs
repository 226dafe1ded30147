//! The file that `dihya policy init` writes.

use crate::profile::Sector;

/// A first policy: what most services change, each with what it does.
pub(super) fn text(sector: Sector) -> String {
    format!(
        r#"# The policy of one service. `dihya policy check FILE` checks it, `dihya policy show FILE` prints every value
# in force with where it comes from. Lines that begin with `#` show a default or an example.

# Sets how long each channel is kept by default: generic, health, education or ecommerce.
sector = "{sector}"

# The least severe level recorded; audit and security stay at info or finer.
level = "info"

# version = "1"             # yours to count; named beside the file's hash wherever something is purged

# [service]
# name = "my-service"        # the program's name otherwise
# version = "1.0.0"
# instance = "i1"            # one per process, where several share a root

[storage]
# Taken from the service's working directory unless it begins with `/`. Made with mode 0700 if absent.
root = "logs"
# Other disks, used in this order when the first one fails.
# fallback_roots = ["/mnt/spare/logs"]
# min_free = "2 GiB"         # below it the oldest shards that may go do, before their time

# [channels.audit]
# queue = "4 MiB"            # what may wait for the disk
# on_full = "block"          # the caller waits; "drop" loses the record, counted
# block_limit = "5s"         # so long at most
# sync = "batch"             # or a time such as "1s"
# max_bytes = "20 GiB"       # above it the channel's oldest shards that may go do, before their time
# backup = "archive"         # no purge without a verified archive; "none" needs no copy
# shard_size = "256 MiB"     # a larger file is closed and the next begins

# Where the signing key lies: outside of the root, so that whoever copies the log does not copy the key with it.
# [integrity]
# state = "/var/lib/my-service/dihya"

# Where closed shards are archived to; audit and security are not purged without.
# [archive]
# stores = ["/mnt/archive/my-service"]

# A channel of your own, which records only the fields it names.
# [channels.billing]
# strict = true
# fields = ["order_id", "amount"]
# retention = {{ floor = "P6M", default = "P12M", ceiling = "P12M", source = "our register, line 12" }}

# The first route that matches decides. `clinic::api` also matches `clinic::api::v1`.
# [[routes]]
# target = "clinic::api"
# level = "info"
# channel = "api"

[redact]
# Fields masked besides the built-in ones (password, token, card_number, ...).
mask_keys = []
# Fields that never reach a record.
drop_keys = []
# Exact names that are not masked; their values are still scanned.
keep_keys = []

# What only your service knows for a secret. The marker is [redacted:staff_badge].
# [[redact.detectors]]
# name = "staff_badge"
# prefix = "badge_"          # or a `regex`
# alphabet = "alnum"
# min_length = 12

# What may be written although a detector finds it.
# [[redact.allow]]
# detector = "email"
# value = "support@example.org"
# reason = "printed on every page"

# Who may do what with the command line; without roles, whoever can reach the files.
# [roles]
# reader = ["group:dev"]     # queries channels other than audit and security
# auditor = ["user:dpo"]     # reads, verifies and exports everything
# operator = ["group:ops"]   # archives, purges and sets holds
# admin = ["user:root"]

# The service purges what is due by itself, every hour; otherwise a timer calls `dihya purge`.
# [lifecycle]
# run = true

# Redacted records to an OpenTelemetry receiver, besides the files.
# [otlp]
# endpoint = "http://127.0.0.1:4318"
# protocol = "http/protobuf" # or "grpc"
# channels = ["audit", "security"]
# headers_file = "/etc/dihya/otlp.headers" # tokens, a line each: `name: value`

# Detectors of anomalies look at the records as they are written: brute force, mass access, silence, tampering.
# [alerts]
# enabled = true
# cooldown = "15min"         # how long the same alert is not said again
# [alerts.detectors.auth_bruteforce]
# account = 5                # failed logins to one account
# window = "10min"
# Who is told of alerts; `dihya alert test pager` tries one. Secrets stand in the environment or in files, never here.
# [alerts.sinks.pager]
# type = "alertmanager"      # or "slack", "webhook", "smtp"
# url = "http://127.0.0.1:9093"
# min_severity = "low"

# Other programs that are told what happens to the log.
# [hooks.register]
# url = "https://register.example.org/logs"
# events = ["purge", "hold"]
# headers_env = ["Authorization: Bearer REGISTER_TOKEN"]

# Redacted records on a standard stream besides the files.
# [console]
# format = "text"            # or "json"
# stream = "stderr"          # or "stdout"
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    #[test]
    fn the_starter_is_valid() {
        for sector in Sector::ALL {
            assert_eq!(Policy::parse(&text(sector), "dihya.toml").unwrap().sector, sector);
        }
    }

    // Two of its examples are receivers of alerts, which a program without delivery refuses.
    #[cfg(feature = "alerts")]
    #[test]
    fn the_starter_is_valid_with_every_example_switched_on() {
        for sector in Sector::ALL {
            // Examples are lines of TOML behind "# "; prose is not.
            let whole: String = text(sector)
                .lines()
                .map(|line| match line.strip_prefix("# ") {
                    Some(code) if code.starts_with('[') || code.contains(" = ") => format!("{code}\n"),
                    _ => format!("{line}\n"),
                })
                .collect();
            let policy = Policy::parse(&whole, "dihya.toml").unwrap_or_else(|e| panic!("{}", e.report()));
            assert!(policy.channel("billing").is_some());
            assert_eq!(policy.own_routes, 1);
        }
    }
}
