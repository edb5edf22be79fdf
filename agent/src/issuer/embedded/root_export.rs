//! The root key on its way out: a file that a passphrase opens, and OpenSSL reads.
//!
//! Until a root key has left the machine, whoever takes the machine takes the hierarchy
//! (`root-key-online`). The file holds the key as encrypted PKCS #8 (PBES2 of RFC 8018, with scrypt
//! of RFC 7914 and AES-256-CBC) and the certificate behind it, both in PEM, so that
//! `openssl pkey -in FILE` opens it without Rolecall. The key may be deleted from the store only
//! after [`verify_export`] has read the very file back.

use std::fmt;

use aws_lc_rs::rand;
use pkcs8::der::{Decode, Document, SecretDocument};
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{EncryptionScheme as Cipher, Kdf, Parameters, Salt, ScryptParams};
use pkcs8::{EncryptedPrivateKeyInfoOwned, LineEnding, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use super::authority::{InvalidAuthority, parse};
use super::keys::{self, PrivateKey};

/// A passphrase of 12 characters or more. Cleared when dropped, never shown.
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl Passphrase {
    /// Takes a passphrase, in UTF-8.
    ///
    /// # Errors
    /// [`WeakPassphrase`] when it is too short, too long for OpenSSL's prompt, or no text.
    pub fn new(secret: Zeroizing<Vec<u8>>) -> Result<Self, WeakPassphrase> {
        let text = std::str::from_utf8(&secret).ok().ok_or(WeakPassphrase::NotText)?;
        let characters = text.chars().count();
        if characters < MIN_PASSPHRASE_CHARACTERS {
            return Err(WeakPassphrase::TooShort { characters });
        }
        if secret.len() > MAX_PASSPHRASE_LEN {
            return Err(WeakPassphrase::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(WeakPassphrase::NotText);
        }
        Ok(Self(secret))
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passphrase").finish_non_exhaustive()
    }
}

/// Why a passphrase is not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WeakPassphrase {
    /// It has bytes that are no text, or control characters, such as a line's end.
    #[error("the passphrase is not one line of text in UTF-8")]
    NotText,
    /// A prompt would cut it.
    #[error("the passphrase has more than {MAX_PASSPHRASE_LEN} bytes")]
    TooLong,
    /// It could be guessed.
    #[error(
        "the passphrase has {characters} characters; at least {MIN_PASSPHRASE_CHARACTERS} are needed"
    )]
    TooShort {
        /// How many it has.
        characters: usize,
    },
}

/// Returns the file's text: the encrypted key, then the certificate.
///
/// # Errors
/// [`ExportError`], in particular when key and certificate do not belong together.
pub fn export_root(
    key: &PrivateKey,
    certificate: &[u8],
    passphrase: &Passphrase,
) -> Result<Zeroizing<String>, ExportError> {
    check_pair(key, certificate)?;
    let info = PrivateKeyInfoRef::try_from(key.pkcs8()).ok().ok_or(ExportError::NotEncrypted)?;
    let encrypted = info
        .encrypt_with_params(parameters()?, &*passphrase.0)
        .ok()
        .ok_or(ExportError::NotEncrypted)?;
    let key_pem =
        encrypted.to_pem(KEY_LABEL, LineEnding::LF).ok().ok_or(ExportError::NotEncrypted)?;
    let certificate_pem = certificate_pem(certificate).ok_or(ExportError::NotEncrypted)?;

    Ok(Zeroizing::new([key_pem.as_str(), &certificate_pem].concat()))
}

/// What an export holds.
#[derive(Debug)]
pub struct RootExport {
    /// The root's key.
    pub key: PrivateKey,
    /// The root's certificate, in DER.
    pub certificate: Vec<u8>,
}

/// Opens an export.
///
/// The work that the file demands is bounded before it is done.
///
/// # Errors
/// [`ExportError::WrongPassphrase`] when the passphrase does not open it; else what is wrong with
/// the file.
pub fn read_export(text: &str, passphrase: &Passphrase) -> Result<RootExport, ExportError> {
    let key_pem = section(text, KEY_LABEL).ok_or(ExportError::Missing { label: KEY_LABEL })?;
    let certificate_pem = section(text, CERTIFICATE_LABEL)
        .ok_or(ExportError::Missing { label: CERTIFICATE_LABEL })?;
    let malformed = |label| move |_| ExportError::Malformed { label };

    let (_, document) = SecretDocument::from_pem(key_pem).map_err(malformed(KEY_LABEL))?;
    let info = EncryptedPrivateKeyInfoOwned::from_der(document.as_bytes())
        .map_err(malformed(KEY_LABEL))?;
    check_cost(&info.encryption_algorithm)?;
    let pkcs8 = info.decrypt(&*passphrase.0).ok().ok_or(ExportError::WrongPassphrase)?;
    let key = PrivateKey::from_pkcs8(pkcs8.as_bytes())?;

    let (_, document) =
        Document::from_pem(certificate_pem).map_err(malformed(CERTIFICATE_LABEL))?;
    let certificate = document.into_vec();
    check_pair(&key, &certificate)?;

    Ok(RootExport { key, certificate })
}

/// Checks that `text`, read back from the file, opens and holds exactly this root.
///
/// # Errors
/// As [`read_export`]; [`ExportError::OtherRoot`] when it holds another.
pub fn verify_export(
    text: &str,
    passphrase: &Passphrase,
    key: &PrivateKey,
    certificate: &[u8],
) -> Result<(), ExportError> {
    let export = read_export(text, passphrase)?;
    if export.certificate == certificate && export.key.spki_der() == key.spki_der() {
        Ok(())
    } else {
        Err(ExportError::OtherRoot)
    }
}

/// Why an export was not written or not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The certificate is none.
    #[error("the root's certificate is unfit")]
    Authority(#[from] InvalidAuthority),
    /// The key is none of ours.
    #[error("the root's key is unfit")]
    Key(#[from] keys::Error),
    /// A block of the file cannot be read.
    #[error("the block {label} cannot be read")]
    Malformed {
        /// The block's label.
        label: &'static str,
    },
    /// A block of the file is missing.
    #[error("the file has no block {label}")]
    Missing {
        /// The block's label.
        label: &'static str,
    },
    /// Encryption failed, as it does without entropy.
    #[error("the root's key could not be encrypted")]
    NotEncrypted,
    /// The file holds another root.
    #[error("the file holds another root than the one that was exported")]
    OtherRoot,
    /// The file asks for more work than any export of ours.
    #[error("the file demands more work to open than an export of ours")]
    TooExpensive,
    /// The passphrase does not open the file.
    #[error("the passphrase does not open the file")]
    WrongPassphrase,
}

/// Returns a certificate in PEM (RFC 7468 §5).
pub(in crate::issuer) fn certificate_pem(der: &[u8]) -> Option<String> {
    Document::try_from(der).ok()?.to_pem(CERTIFICATE_LABEL, LineEnding::LF).ok()
}

fn check_pair(key: &PrivateKey, certificate: &[u8]) -> Result<(), InvalidAuthority> {
    if parse(certificate)?.public_key().raw == key.spki_der() {
        Ok(())
    } else {
        Err(InvalidAuthority::OtherKey)
    }
}

fn parameters() -> Result<Parameters, ExportError> {
    let mut salt = [0; 16];
    let mut iv = [0; 16];
    rand::fill(&mut salt).ok().ok_or(ExportError::NotEncrypted)?;
    rand::fill(&mut iv).ok().ok_or(ExportError::NotEncrypted)?;

    Ok(Parameters {
        kdf: Kdf::Scrypt(ScryptParams {
            salt: Salt::new(salt).ok().ok_or(ExportError::NotEncrypted)?,
            cost_parameter: SCRYPT_N,
            block_size: SCRYPT_R,
            parallelization: SCRYPT_P,
            key_length: None,
        }),
        encryption: Cipher::Aes256Cbc { iv },
    })
}

fn check_cost(scheme: &EncryptionScheme) -> Result<(), ExportError> {
    let affordable = match scheme.pbes2().map(|parameters| &parameters.kdf) {
        Some(Kdf::Scrypt(scrypt)) => {
            scrypt.cost_parameter <= 4 * SCRYPT_N
                && scrypt.block_size <= SCRYPT_R
                && scrypt.parallelization <= 4 * SCRYPT_P
        }
        Some(Kdf::Pbkdf2(pbkdf2)) => pbkdf2.iteration_count <= MAX_PBKDF2_ITERATIONS,
        Some(_) | None => false,
    };
    if affordable { Ok(()) } else { Err(ExportError::TooExpensive) }
}

/// Returns the first block of that label, armour included.
fn section<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let begin = format!("-----BEGIN {label}-----");
    let end = format!("-----END {label}-----");
    let from = text.get(text.find(&begin)?..)?;
    from.get(..from.find(&end)?.checked_add(end.len())?)
}

const KEY_LABEL: &str = "ENCRYPTED PRIVATE KEY";
const CERTIFICATE_LABEL: &str = "CERTIFICATE";
const MIN_PASSPHRASE_CHARACTERS: usize = 12;
/// OpenSSL's prompt takes 1,024 bytes, its terminator included.
const MAX_PASSPHRASE_LEN: usize = 1_023;
/// `N` = 2^14, `r` = 8, `p` = 5 is OWASP's advice for 16 MiB, and OpenSSL 3 opens nothing that needs
/// more than 32.
const SCRYPT_N: u64 = 1 << 14;
const SCRYPT_R: u16 = 8;
const SCRYPT_P: u16 = 5;
/// An export that an administrator encrypted again with OpenSSL; some seconds of work.
const MAX_PBKDF2_ITERATIONS: u32 = 10_000_000;

#[cfg(test)]
mod tests;
