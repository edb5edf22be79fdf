//! What a certificate is called in the store: unique there (`domain.md` §1.3).

use std::convert::Infallible;

use super::choose::Choice;
use super::{PlanInput, Refusal};
use crate::request::{FriendlyName, FriendlyNameChoice};

/// Returns the name; the one that was asked for must be free, others are made so.
pub(super) fn name(
    input: PlanInput<'_>,
    choice: &Choice<'_>,
    refusals: &mut Vec<Refusal>,
) -> FriendlyName {
    match &input.spec.friendly_name {
        FriendlyNameChoice::Generated => {
            let text = format!("{} {} {}", choice.lead(), choice.instance, input.now.date());
            unique(input, &FriendlyName::from_parts(&text))
        }
        FriendlyNameChoice::BasedOn(name) => unique(input, name),
        FriendlyNameChoice::Exactly(name) => {
            if input.friendly_names.is_taken(name) {
                refusals.push(Refusal::FriendlyNameTaken { name: name.clone() });
            }
            name.clone()
        }
    }
}

fn unique(input: PlanInput<'_>, name: &FriendlyName) -> FriendlyName {
    let free = |candidate: &FriendlyName| Ok(!input.friendly_names.is_taken(candidate));
    let Ok(name) = unique_name(name, input.fresh_number, free) as Result<_, Infallible>;
    name
}

/// Returns `name` if it is free, otherwise the first that is with a number behind it, of which
/// `fresh_number` is tried first.
///
/// # Errors
/// What `is_free` answers.
pub fn unique_name<E>(
    name: &FriendlyName,
    fresh_number: u64,
    mut is_free: impl FnMut(&FriendlyName) -> Result<bool, E>,
) -> Result<FriendlyName, E> {
    let mut candidate = name.clone();
    let mut numbers = std::iter::once(fresh_number).chain(2_u64..);
    while !is_free(&candidate)? {
        let number = numbers.next().expect("a finite store leaves some number free");
        candidate = name.with_suffix(&format!(" ({number})"));
    }
    Ok(candidate)
}
