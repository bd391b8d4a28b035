//! Full-width and half-width forms of the same character, as printers and text recognition mix them.

/// The half-width form of a full-width one (`１` → `1`, `，` → `,`, `￥` → `¥`); any other character is itself.
pub(super) fn half(character: char) -> char {
    match character {
        '\u{3000}' => ' ',
        '￥' => '¥',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(character) - 0xfee0).unwrap_or(character),
        other => other,
    }
}

/// Every character in its half-width form, white space left out.
pub(super) fn compact(text: &str) -> String {
    text.chars().filter(|character| !character.is_whitespace()).map(half).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_width_forms_become_what_they_stand_for() {
        assert_eq!(compact(" ￥１，９３９．４８　（Ａ）\n"), "¥1,939.48(A)");
    }
}
