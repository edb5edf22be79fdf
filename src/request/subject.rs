//! The attributes of a subject beside its common name.
//!
//! RFC 5280 appendix A.1 bounds them; ISO 3166 gives the country its two letters. State and
//! locality are free text within the bounds: the sources disagree on abbreviations (`domain.md` §3,
//! step 10).

use std::fmt;

use super::text::{InvalidName, check};

/// An attribute of a subject that an administrator may give.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Attribute {
    /// `O`.
    Organization,
    /// `OU`: an X.500 organizational unit, which need not be one of Active Directory.
    OrganizationalUnit,
    /// `C`.
    Country,
    /// `ST`.
    State,
    /// `L`: the city.
    Locality,
}

impl Attribute {
    /// Returns its name in requests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::OrganizationalUnit => "organizational unit",
            Self::Country => "country",
            Self::State => "state",
            Self::Locality => "locality",
        }
    }

    /// Returns the upper bound of RFC 5280 appendix A.1, in characters.
    const fn upper_bound(self) -> usize {
        match self {
            Self::Organization | Self::OrganizationalUnit => 64,
            Self::Country => 2,
            Self::State | Self::Locality => 128,
        }
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The attributes that were given, each within its bound.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct SubjectAttributes {
    organization: Option<Box<str>>,
    organizational_unit: Option<Box<str>>,
    country: Option<Box<str>>,
    state: Option<Box<str>>,
    locality: Option<Box<str>>,
}

impl SubjectAttributes {
    /// Returns the attributes given; an empty text is the same as none.
    ///
    /// # Errors
    /// Every attribute that is out of bounds, or a country that is not two letters of ISO 3166.
    pub fn new(given: &[(Attribute, &str)]) -> Result<Self, Vec<InvalidAttribute>> {
        let mut attributes = Self::default();
        let mut invalid = Vec::new();
        for &(attribute, text) in given {
            match checked(attribute, text) {
                Ok(value) => *attributes.slot(attribute) = value,
                Err(refusal) => invalid.push(refusal),
            }
        }
        if invalid.is_empty() { Ok(attributes) } else { Err(invalid) }
    }

    /// Returns one attribute.
    pub fn get(&self, attribute: Attribute) -> Option<&str> {
        match attribute {
            Attribute::Organization => self.organization.as_deref(),
            Attribute::OrganizationalUnit => self.organizational_unit.as_deref(),
            Attribute::Country => self.country.as_deref(),
            Attribute::State => self.state.as_deref(),
            Attribute::Locality => self.locality.as_deref(),
        }
    }

    /// Returns the attributes that were given, in the order of a distinguished name: C, ST, L, O,
    /// OU.
    pub fn iter(&self) -> impl Iterator<Item = (Attribute, &str)> {
        [
            Attribute::Country,
            Attribute::State,
            Attribute::Locality,
            Attribute::Organization,
            Attribute::OrganizationalUnit,
        ]
        .into_iter()
        .filter_map(|attribute| self.get(attribute).map(|value| (attribute, value)))
    }

    /// Returns whether none was given.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    const fn slot(&mut self, attribute: Attribute) -> &mut Option<Box<str>> {
        match attribute {
            Attribute::Organization => &mut self.organization,
            Attribute::OrganizationalUnit => &mut self.organizational_unit,
            Attribute::Country => &mut self.country,
            Attribute::State => &mut self.state,
            Attribute::Locality => &mut self.locality,
        }
    }
}

/// Why an attribute cannot stand in a subject.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAttribute {
    /// The country is not two letters of ISO 3166-1.
    #[error("`{text}` is not a country code: two letters of ISO 3166 are needed, such as DE or US")]
    Country {
        /// What was written.
        text: Box<str>,
    },
    /// The text is too long, blank or cannot be shown.
    #[error("the {attribute} cannot stand in a subject")]
    Text {
        /// The attribute.
        attribute: Attribute,
        /// What is wrong with it.
        #[source]
        source: InvalidName,
    },
}

impl InvalidAttribute {
    /// Returns the attribute.
    pub const fn attribute(&self) -> Attribute {
        match self {
            Self::Country { .. } => Attribute::Country,
            Self::Text { attribute, .. } => *attribute,
        }
    }
}

fn checked(attribute: Attribute, text: &str) -> Result<Option<Box<str>>, InvalidAttribute> {
    if text.is_empty() {
        return Ok(None);
    }
    if attribute == Attribute::Country {
        let code = text.to_ascii_uppercase();
        return if COUNTRIES.split_ascii_whitespace().any(|known| known == code) {
            Ok(Some(code.into()))
        } else {
            Err(InvalidAttribute::Country { text: text.escape_debug().to_string().into() })
        };
    }
    check(text, attribute.as_str(), attribute.upper_bound())
        .map_err(|source| InvalidAttribute::Text { attribute, source })?;
    Ok(Some(text.into()))
}

/// The officially assigned codes of ISO 3166-1 alpha-2, and `XK`, which CAs use for Kosovo.
const COUNTRIES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR \
    BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ \
    EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW \
    GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY \
    KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV \
    MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY \
    QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG \
    TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA \
    ZM ZW";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_has_two_letters_of_the_list_in_any_case() {
        let given = SubjectAttributes::new(&[(Attribute::Country, "de")]).unwrap();
        assert_eq!(given.get(Attribute::Country), Some("DE"));
        for text in ["D", "DEU", "ZZ", "UK", "D1", "Germany"] {
            assert!(SubjectAttributes::new(&[(Attribute::Country, text)]).is_err(), "{text}");
        }
    }

    #[test]
    fn every_attribute_out_of_bounds_is_named_at_once() {
        let long = "x".repeat(65);
        let invalid = SubjectAttributes::new(&[
            (Attribute::Organization, long.as_str()),
            (Attribute::Country, "USA"),
            (Attribute::State, long.as_str()),
        ])
        .unwrap_err();
        let named: Vec<_> = invalid.iter().map(InvalidAttribute::attribute).collect();
        assert_eq!(named, [Attribute::Organization, Attribute::Country]);
    }

    #[test]
    fn attributes_come_in_the_order_of_a_distinguished_name() {
        let given = SubjectAttributes::new(&[
            (Attribute::OrganizationalUnit, "UC"),
            (Attribute::Organization, "Contoso"),
            (Attribute::Country, "US"),
        ])
        .unwrap();
        let order: Vec<_> = given.iter().map(|(_, value)| value).collect();
        assert_eq!(order, ["US", "Contoso", "UC"]);
    }
}
