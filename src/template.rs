//! Certificate templates: what an issuer is ready to sign.
//!
//! The embedded CA has [`Template::built_in`] and those of its configuration; issuers that publish
//! their templates are described in the same terms, so that a plan can refuse before a key is made.

use std::time::Duration;

use crate::key::KeyAlgorithm;
use crate::request::TemplateName;

/// A kind of certificate that an issuer offers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template {
    /// The name that requests carry.
    pub name: TemplateName,
    /// What consoles show; never accepted in a request.
    pub display_name: Box<str>,
    /// Whether certificates get clientAuth beside serverAuth.
    pub client_auth: bool,
    /// The keys it accepts.
    pub keys: Vec<KeyAlgorithm>,
    /// How long a certificate lives.
    pub lifetime: Duration,
    /// Whether a human has to approve each request.
    pub approval: bool,
}

impl Template {
    /// The lifetime of the built-in templates: one year.
    ///
    /// The field's practice for private CAs is about twelve months (`domain.md` §5.1). Renewal is
    /// due with a third left, four months ahead, so that a renewal that fails is seen by humans in
    /// time.
    pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(365 * 86_400);

    /// Returns the templates that every embedded CA has.
    ///
    /// `WebServer` is the stock template's name (`domain.md` §8.2) and carries serverAuth only;
    /// `WebServerClient` adds clientAuth, without which data conferencing between servers breaks
    /// (`domain.md` §6.9).
    pub fn built_in() -> Vec<Self> {
        vec![
            Self::new(Self::web_server(), "Web Server", false),
            Self::new(Self::web_server_client(), "Web Server and Client", true),
        ]
    }

    /// Returns the name of the built-in template with serverAuth only.
    pub fn web_server() -> TemplateName {
        "WebServer".parse().expect("the text is a valid template name")
    }

    /// Returns the name of the built-in template with both usages.
    pub fn web_server_client() -> TemplateName {
        "WebServerClient".parse().expect("the text is a valid template name")
    }

    fn new(name: TemplateName, display_name: &str, client_auth: bool) -> Self {
        Self {
            name,
            display_name: display_name.into(),
            client_auth,
            keys: KeyAlgorithm::ALL.to_vec(),
            lifetime: Self::DEFAULT_LIFETIME,
            approval: false,
        }
    }
}
