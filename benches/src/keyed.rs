use crate::Bench;
use crate::report::Figure;
pub fn measure(_: &Bench) -> anyhow::Result<Vec<Figure>> { Ok(vec![]) }
