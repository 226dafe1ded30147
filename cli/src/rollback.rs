//! `dihya accept-rollback`

use std::sync::Arc;

use clap::Args;
use dihya::storage::{Local, Storage};
use dihya::{Clock, accept_rollback};

use crate::Answer;
use crate::log::{Because, Where, caller};

#[derive(Args)]
pub(crate) struct Command {
    #[command(flatten)]
    at: Where,
    #[command(flatten)]
    because: Because,
}

impl Command {
    pub(crate) fn run(self) -> Answer {
        let policy = match self.at.policy() {
            Ok(policy) => policy,
            Err(answer) => return answer,
        };
        let caller = caller();
        let who = (&caller, self.because.operator.as_deref());
        let reason = self.because.reason.as_deref().unwrap_or_default();
        let storage: Arc<dyn Storage> = Arc::new(Local);
        match accept_rollback(&policy, &storage, &Clock::system(), who, reason) {
            Ok(accepted) if accepted.is_empty() => Answer::fine("every log is what it was known to be\n"),
            Ok(accepted) => {
                let line = |log: &dihya::Accepted| {
                    format!(
                        "accepted {}: {} lines of the {} that were known\n",
                        log.log, log.found, log.known
                    )
                };
                Answer::fine(accepted.iter().map(line).collect::<String>())
            }
            Err(error) => Answer::wrong(format!("error: {error}\n")),
        }
    }
}
