//! Words a typing error away from known ones.

/// The one of several words that a misspelt one probably means: the nearest by case, by one typing error, or in a long
/// word by two.
///
/// A typing error is a letter too many, too few, another one, or two that changed places (Damerau and Levenshtein).
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.trim();
    let most = most(word);
    let near = known.filter_map(|known| Some((distance(word, known, most)?, known)));
    near.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

/// How many errors a word may have: what many words begin with does not make them long.
fn most(word: &str) -> usize {
    match word.trim_start_matches("com.apple.").len() {
        0..=3 => 0,
        4..=8 => 1,
        _ => 2,
    }
}

/// The number of typing errors between two words, letters of either case being equal, if there are no more than that.
fn distance(a: &str, b: &str, most: usize) -> Option<usize> {
    let (a, b) = without_common(a.as_bytes(), b.as_bytes());
    if a.len().abs_diff(b.len()) > most || a.len().max(b.len()) > LONGEST {
        return None;
    }
    let mut rows = [[0; LONGEST + 1]; 3];
    (0..=b.len()).for_each(|column| rows[0][column] = column);
    for row in 1..=a.len() {
        let (this, above, before) = (row % 3, (row + 2) % 3, (row + 1) % 3);
        rows[this][0] = row;
        let mut least = row;
        for column in 1..=b.len() {
            let other = usize::from(!a[row - 1].eq_ignore_ascii_case(&b[column - 1]));
            let mut errors =
                (rows[above][column - 1] + other).min(rows[above][column] + 1).min(rows[this][column - 1] + 1);
            if row > 1 && column > 1 && swapped(&a[row - 2..row], &b[column - 2..column]) {
                errors = errors.min(rows[before][column - 2] + 1);
            }
            rows[this][column] = errors;
            least = least.min(errors);
        }
        if least > most {
            return None;
        }
    }
    Some(rows[a.len() % 3][b.len()]).filter(|&errors| errors <= most)
}

fn swapped(a: &[u8], b: &[u8]) -> bool {
    a[0].eq_ignore_ascii_case(&b[1]) && a[1].eq_ignore_ascii_case(&b[0])
}

/// What is left of two words without their common beginning and end: of most pairs too little to be worth a table.
fn without_common<'a>(a: &'a [u8], b: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let same = |(a, b): &(&u8, &u8)| a.eq_ignore_ascii_case(b);
    let start = a.iter().zip(b).take_while(same).count();
    let (a, b) = (&a[start..], &b[start..]);
    let end = a.iter().rev().zip(b.iter().rev()).take_while(same).count();
    (&a[..a.len() - end], &b[..b.len() - end])
}

/// No word of the schema is longer.
const LONGEST: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_typing_errors() {
        for (a, b, errors) in [
            ("wifi", "wifi", Some(0)),
            ("WIFI", "wifi", Some(0)),
            ("wfii", "wifi", Some(1)),
            ("wifii", "wifi", Some(1)),
            ("wif", "wifi", Some(1)),
            ("wivi", "wifi", Some(1)),
            ("wiivfi", "wifi", Some(2)),
            ("ab", "ba", Some(1)),
            ("", "ab", Some(2)),
            ("", "abc", None),
            ("caldav", "carddav", Some(2)),
            ("vpn", "wifi", None),
        ] {
            assert_eq!(distance(a, b, 2), errors, "{a} {b}");
            assert_eq!(distance(b, a, 2), errors, "{b} {a}");
        }
    }

    #[test]
    fn short_words_have_no_neighbours() {
        let known = ["com.apple.lom", "com.apple.dock"];
        assert_eq!(nearest("com.apple.lon", known.into_iter()), None);
        assert_eq!(nearest(" com.apple.LOM", known.into_iter()), Some("com.apple.lom"));
        assert_eq!(nearest("com.apple.dokc", known.into_iter()), Some("com.apple.dock"));
        assert_eq!(nearest("com.apple.doc2s", known.into_iter()), None);
    }
}
