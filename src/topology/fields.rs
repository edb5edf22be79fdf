//! The small values that topologies are made of.

use std::fmt;
use std::str::FromStr;

/// Defines an enum of words: its text, its parser, and the error with the nearest word.
macro_rules! words {
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)+ }
        $(#[$error_meta:meta])*
        $error:ident, $what:literal
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            const WORDS: &'static [&'static str] = &[$($word),+];

            /// Returns the word that topologies write.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($error {
                        text: text.into(),
                        nearest: $crate::suggest::nearest(text, Self::WORDS),
                    }),
                }
            }
        }

        $(#[$error_meta])*
        #[derive(Clone, Debug, Eq, PartialEq)]
        pub struct $error { text: Box<str>, nearest: Vec<String> }

        impl std::fmt::Display for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(
                    f,
                    "`{}` is not {} ({}){}",
                    self.text,
                    $what,
                    $name::WORDS.join(", "),
                    $crate::suggest::did_you_mean(&self.nearest)
                )
            }
        }

        impl std::error::Error for $error {}
    };
}
pub(crate) use words;

words! {
    /// Whose practice decides where the sources leave a choice.
    pub enum Profile {
        /// Today's.
        Today = "today",
        /// The documentation of Lync Server 2013, to the letter.
        Lync2013 = "lync2013",
    }
    /// A text that is no [`Profile`].
    InvalidProfile, "a profile"
}

words! {
    /// Which name SIP clients look for in a server's certificate.
    pub enum SipIdentity {
        /// The server's or the pool's, as Lync clients do.
        Server = "server",
        /// The SIP domain itself, as RFC 5922 asks.
        Rfc5922 = "rfc5922",
    }
    /// A text that is no [`SipIdentity`].
    InvalidSipIdentity, "a SIP identity"
}

words! {
    /// Who decides for a scope that several servers share.
    pub enum Coordination {
        /// A named primary.
        Primary = "primary",
        /// An election in etcd.
        Etcd = "etcd",
    }
    /// A text that is no [`Coordination`].
    InvalidCoordination, "a way to coordinate"
}

/// An http or https address without credentials, query or fragment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Url(String);

impl Url {
    pub(super) fn into_string(self) -> String {
        self.0
    }

    pub(super) fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }
}

impl FromStr for Url {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidUrl { text: text.escape_debug().to_string() };
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .ok_or_else(invalid)?;
        let authority = rest.split_once('/').map_or(rest, |(authority, _)| authority);
        let printable = text.bytes().all(|octet| octet.is_ascii_graphic());
        if printable
            && !authority.is_empty()
            && !authority.contains('@')
            && !rest.contains(['?', '#'])
        {
            Ok(Self(text.to_owned()))
        } else {
            Err(invalid())
        }
    }
}

/// A text that is no [`Url`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct InvalidUrl {
    text: String,
}

impl fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not an address such as https://pki.contoso.com/crl (no user, query or \
             fragment)",
            self.text
        )
    }
}
