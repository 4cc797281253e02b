//! Texts that are too long to be shown whole.

/// The first bytes of a text, cut between letters; where some are left out, how many, and where the rest is.
pub fn beginning(mut text: String, bytes_max: usize, rest_is: &str) -> String {
    let end = text.floor_char_boundary(bytes_max);
    let left_out = text.len() - end;
    if left_out > 0 {
        text.truncate(end);
        text += &format!("… ({left_out} more bytes{rest_is})");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_letters_and_says_how_much_is_left_out() {
        assert_eq!(beginning("é".repeat(5), 10, " in the record"), "é".repeat(5));
        assert_eq!(beginning(format!("x{}", "é".repeat(5)), 10, ": --json"), "xéééé… (2 more bytes: --json)");
    }
}
