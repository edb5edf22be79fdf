//! "Did you mean": the known names nearest to a mistyped one.

/// Returns up to three of `known` that are near to `typed`, the nearest first.
///
/// Near means a Jaro-Winkler similarity of at least 0.75, ignoring case: enough for a slip, too
/// little for another word. A text that is longer than any name is near to nothing: comparing takes
/// time that grows with the product of the lengths.
pub fn nearest<T: AsRef<str>>(typed: &str, known: impl IntoIterator<Item = T>) -> Vec<String> {
    if typed.len() > LONGEST {
        return Vec::new();
    }
    let typed = typed.to_lowercase();
    let mut ranked: Vec<(f64, String)> = known
        .into_iter()
        .map(|name| {
            (strsim::jaro_winkler(&typed, &name.as_ref().to_lowercase()), name.as_ref().to_owned())
        })
        .filter(|(similarity, _)| *similarity >= 0.75)
        .collect();
    ranked.sort_by(|(a, left), (b, right)| b.total_cmp(a).then_with(|| left.cmp(right)));
    ranked.into_iter().map(|(_, name)| name).take(3).collect()
}

/// Returns `; did you mean …?` for the names given, or nothing if there are none.
pub fn did_you_mean(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => format!("; did you mean `{only}`?"),
        [head @ .., last] => format!("; did you mean `{}` or `{last}`?", head.join("`, `")),
    }
}

/// Returns [`did_you_mean`] of the nearest names, or when none is near, all that there are.
pub fn did_you_mean_or(nearest: &[String], known: &[String]) -> String {
    match (nearest, known) {
        ([], []) => "; there is none".to_owned(),
        ([], known) => format!("; there is {}", known.join(", ")),
        (nearest, _) => did_you_mean(nearest),
    }
}

/// In octets. Longer names exist, but nobody types them by hand.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_another_word_finds_nothing() {
        let known = ["Default", "WebServicesInternal", "WebServicesExternal"];
        assert_eq!(nearest("defualt", known), ["Default"]);
        assert_eq!(nearest("WebServiceInternal", known).first().unwrap(), "WebServicesInternal");
        assert!(nearest("zzz", known).is_empty());
        let known = known.map(str::to_owned);
        assert_eq!(
            did_you_mean_or(&[], &known),
            "; there is Default, WebServicesInternal, WebServicesExternal"
        );
        assert_eq!(did_you_mean_or(&known[..1], &known), "; did you mean `Default`?");
    }

    #[test]
    fn a_text_that_is_longer_than_any_name_finds_nothing() {
        let name = "a".repeat(64);
        assert_eq!(nearest(&name, [&name]), std::slice::from_ref(&name));
        let longer = format!("{name}a");
        assert!(nearest(&longer, [&name, &longer]).is_empty());
    }
}
