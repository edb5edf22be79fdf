//! What a certificate is called in the store: unique there (`domain.md` §1.3).

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
    let numbers = std::iter::once(input.fresh_number).chain(2_u64..);
    let numbered = numbers.map(|number| name.with_suffix(&format!(" ({number})")));
    std::iter::once(name.clone())
        .chain(numbered)
        .find(|candidate| !input.friendly_names.is_taken(candidate))
        .expect("a finite store leaves some number free")
}
