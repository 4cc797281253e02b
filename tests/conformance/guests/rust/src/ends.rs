//! Ends that nobody meant.

use std::hint::black_box;

use weir_sdk::prelude::*;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    Error,
    Panic,
    ErrorInCall,
    PanicInCall,
    ErrorWithoutText,
    ErrorWithoutTextInCall,
    Loop,
    Recurse,
    Allocate,
}

impl How {
    pub fn run(&self, ctx: &Context) -> Result {
        match self {
            Self::Error => Ok(error("crash on purpose")?),
            Self::Panic => panic!("crash on purpose"),
            Self::ErrorInCall => ctx.durable("crash", &(), |_| Ok(error("crash on purpose")?)),
            Self::PanicInCall => ctx.durable("crash", &(), |_| panic!("crash on purpose")),
            Self::ErrorWithoutText => Ok(error("")?),
            Self::ErrorWithoutTextInCall => ctx.durable("crash", &(), |_| Ok(error("")?)),
            Self::Loop => loop {
                black_box(());
            },
            Self::Recurse => {
                black_box(recurse(1));
                Ok(())
            }
            Self::Allocate => {
                let mut kept = Vec::new();
                loop {
                    kept.push(black_box(vec![1_u8; 1_000_000]));
                }
            }
        }
    }
}

fn error(text: &str) -> std::io::Result<()> {
    Err(std::io::Error::other(text))
}

#[inline(never)]
fn recurse(depth: u64) -> u64 {
    if black_box(depth) == 0 { 1 } else { recurse(depth + 1).wrapping_mul(depth) ^ depth }
}
