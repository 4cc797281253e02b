/// A moment in the life of a request at which a client's death hurts differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The request is on its way: it never has an effect, the client never hears of it.
    BeforeEffect,
    /// The effect happened, the client never hears of it.
    BeforeAnswer,
    /// The effect happened and the answer is handed over: the client may or may not have noted it.
    AfterAnswer,
}

/// Something that the harness does (a kill) at a moment of one request.
pub struct Interruption {
    /// When.
    pub moment: Moment,
    /// What; the world stands still meanwhile.
    pub act: Box<dyn FnOnce() + Send>,
}
