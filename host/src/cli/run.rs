//! `weir run`: runs an application.

use super::exit::{Exit, WrongUse};
use super::options::RunOptions;
use crate::assemble::{self, RunEnd, RunError};
use crate::settings::{Settings, StoreKind};

pub(super) fn execute(options: &RunOptions) -> anyhow::Result<Exit> {
    let settings = Settings::load(&options.manifest.path, &options.manifest.overrides)?;
    if settings.store.kind == StoreKind::Memory {
        tracing::warn!("store.kind is \"memory\": nothing survives this process, a restart begins anew");
    }
    let options = assemble::RunOptions {
        set_aside_undecodable: options.set_aside_undecodable,
        skip_deleted_input: options.skip_deleted_input,
        watcher: None,
    };
    match assemble::run(&settings, &options) {
        Ok(RunEnd::Done | RunEnd::Stopped) => Ok(Exit::Done),
        Ok(RunEnd::Quarantined(keys)) => {
            let keys = if keys == 1 { "1 key is".to_owned() } else { format!("{keys} keys are") };
            tracing::warn!("the input is at its end, but {keys} quarantined: see `weir quarantine list`");
            Ok(Exit::Quarantined)
        }
        Err(RunError::Use(error)) => Err(WrongUse(format!("{error:#}")).into()),
        Err(RunError::Run(error)) => Err(error),
    }
}
