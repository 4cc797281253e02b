//! `weir run`: runs an application.

use super::exit::{Exit, WrongUse};
use super::options::RunOptions;
use crate::assemble::{self, RunEnd, RunError};
use crate::settings::Settings;

pub(super) fn execute(options: &RunOptions) -> anyhow::Result<Exit> {
    let settings = Settings::load(&options.manifest.path, &options.manifest.overrides)?;
    let options = assemble::RunOptions {
        set_aside_undecodable: options.set_aside_undecodable,
        skip_deleted_input: options.skip_deleted_input,
    };
    match assemble::run(&settings, &options) {
        Ok(RunEnd::Done | RunEnd::Stopped) => Ok(Exit::Done),
        Ok(RunEnd::Quarantined(keys)) => {
            tracing::warn!("the input is at its end, but {keys} keys are quarantined: see `weir quarantine list`");
            Ok(Exit::Quarantined)
        }
        Err(RunError::Use(error)) => Err(WrongUse(format!("{error:#}")).into()),
        Err(RunError::Run(error)) => Err(error),
    }
}
