//! One macro for each channel that has a meaning of its own.

/// Logs to the audit channel: who did what to which data.
///
/// The event's name comes first, a literal from the OWASP logging vocabulary where it has one: it is fixed when the code
/// is compiled, so that no identifier can end up in it. Then fields and a message, as in `tracing::info!`. The fields
/// `outcome`, `tenant_id`, `user_id` and `subject_id` have places of their own in the record.
///
/// ```
/// # let (user, patient) = ("u1", "p7");
/// dihya::audit!("sensitive_read", user_id = %user, subject_id = %patient, outcome = "success", "record opened");
/// ```
///
/// A span other than the current one is named first: `audit!(parent: &span, "sensitive_read", …)`.
#[macro_export]
macro_rules! audit {
    ($($arg:tt)+) => { $crate::__event!("dihya.audit:", "dihya::audit", $($arg)+) };
}

/// Logs to the security channel: authentication, authorisation, attacks. Used like [`audit!`].
///
/// ```
/// # let (name, ip) = ("joe", "192.0.2.7");
/// dihya::security!("authn_login_fail", user_id = %name, source = %ip);
/// ```
#[macro_export]
macro_rules! security {
    ($($arg:tt)+) => { $crate::__event!("dihya.security:", "dihya::security", $($arg)+) };
}

/// Logs to the api channel: a request that was served. Used like [`audit!`].
#[macro_export]
macro_rules! api {
    ($($arg:tt)+) => { $crate::__event!("dihya.api:", "dihya::api", $($arg)+) };
}

/// Logs to the scheduler channel: a job that ran. Used like [`audit!`].
#[macro_export]
macro_rules! scheduler {
    ($($arg:tt)+) => { $crate::__event!("dihya.scheduler:", "dihya::scheduler", $($arg)+) };
}

/// Logs to the generation channel. Used like [`audit!`]; a whole generation is recorded by
/// [`Generation::record`](crate::Generation::record).
#[macro_export]
macro_rules! generation {
    ($($arg:tt)+) => { $crate::__event!("dihya.generation:", "dihya::generation", $($arg)+) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __event {
    ($mark:literal, $target:literal, parent: $parent:expr, $name:literal $(, $($fields:tt)*)?) => {
        $crate::__private::tracing::event!(
            name: ::core::concat!($mark, $name),
            target: $target,
            parent: $parent,
            $crate::__private::tracing::Level::INFO,
            { $($($fields)*)? }
        )
    };
    ($mark:literal, $target:literal, $name:literal $(, $($fields:tt)*)?) => {
        $crate::__private::tracing::event!(
            name: ::core::concat!($mark, $name),
            target: $target,
            $crate::__private::tracing::Level::INFO,
            { $($($fields)*)? }
        )
    };
}
