//! Did you mean …? The word that somebody probably wanted to write.

/// A word this long is no slip of the finger, and comparing it costs time.
const WORD_MAX_BYTES: usize = 100;

/// The candidate that is nearest to the word, if one is near enough: one slip in three letters, capitals aside.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > WORD_MAX_BYTES {
        return None;
    }
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1.max(candidate.chars().count().min(word.len()) / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The remedy for an unknown word: the nearest candidate, else what the words could be.
pub(super) fn remedy<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
    otherwise: impl Into<String>,
) -> String {
    match nearest(word, candidates) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => otherwise.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognized_and_another_word_is_not() {
        let words = ["exclude", "columns", "key", "table"];
        assert_eq!(nearest("exlude", words), Some("exclude"));
        assert_eq!(nearest("Colums", words), Some("columns"));
        assert_eq!(nearest("kye", words), Some("key"));
        assert_eq!(nearest("where", words), None);
        assert_eq!(nearest("", words), None);
        assert_eq!(nearest(&"key".repeat(100), words), None);
    }
}
