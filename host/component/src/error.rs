//! Why a component can't be run.

use crate::http::GrantError;
use std::fmt;

/// A component that the host refuses, each reason in one line that names the component and what to do.
#[derive(Debug, thiserror::Error)]
#[error("component {component}: {reason}")]
pub struct LoadError {
    /// The component's name.
    pub component: String,
    /// Why.
    pub reason: LoadErrorReason,
}

/// Why a component is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadErrorReason {
    /// The bytes are no WebAssembly at all.
    #[error("not WebAssembly; give a component, as `weir build` makes it")]
    NotWasm,
    /// A core module: its exports are not typed.
    #[error("a core module, not a component; `weir build` makes a component of it")]
    CoreModule,
    /// The compiler refuses it.
    #[error("cannot be compiled: {0}; is it whole? build it again with `weir build`")]
    Malformed(String),
    /// It is a component of another world.
    #[error(
        "exports no {wanted} (it exports {found}); build it for the world `component` of weir:action, as the SDKs do{more}"
    )]
    WrongWorld {
        /// What it should export.
        wanted: &'static str,
        /// What it exports.
        found: String,
        /// What to do in the language it was written in, where that is known.
        more: &'static str,
    },
    /// It is made for another version of the contract.
    #[error("made for {found}; this host supports version {supported}: build it with an SDK of that version")]
    OtherVersion {
        /// The interface with the version that was found.
        found: String,
        /// The version that this host has.
        supported: &'static str,
    },
    /// It wants something that a guest is not given.
    #[error("imports {0}, which a guest is not given; allowed are weir:action and an empty WASI 0.2 (no wasi:http)")]
    ForeignImport(String),
    /// It wants a function of a known interface that this host does not have.
    #[error("asks for something that this host does not have: {0}")]
    MissingImport(String),
    /// It lacks a function that the contract asks for.
    #[error("does not export what weir:action asks for: {0}; build it with an SDK")]
    MissingExport(String),
    /// `describe` failed.
    #[error("its describe failed: {0}")]
    DescribeFailed(String),
    /// `describe` answered something else than a list of actions.
    #[error("its describe is not understood: {0}")]
    BadDescription(String),
    /// A grant means nothing.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// A limit that the manifest sets is over what the host can give.
    #[error("{limit} = {value} is over what this host can give ({max})")]
    LimitTooHigh {
        /// The limit's name in the manifest.
        limit: &'static str,
        /// What the manifest asks for.
        value: u64,
        /// What there is.
        max: u64,
    },
    /// The engine failed for a reason that is not the component's.
    #[error("the engine failed: {0}")]
    Engine(String),
}

impl LoadErrorReason {
    pub(crate) fn of(self, component: impl fmt::Display) -> LoadError {
        LoadError { component: component.to_string(), reason: self }
    }
}
