//! Sealing: AES-256-GCM under a key of the file's own, bound to everything the header says.
//!
//! ```text
//!  0  "RCKY"              8  master id         64  nonce, 12 bytes
//!  4  version, u8        16  key id            76  sealed length, u32
//!  5  exportable, u8     32  SHA-256 of the    80  sealed PKCS#8 and tag
//!  6  zero, u16              public key        ..  CRC-32 over all before it
//! ```
//!
//! The first 64 bytes are the additional data. The checksum tells a torn file from a changed one
//! without the master key; it protects nothing.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use rolecall::key::KeyId;
use zeroize::Zeroizing;

use crate::store::codec::{Digest, Reader, length32};
use crate::store::keys::{Error, MasterId, MasterKey, path};

/// The first bytes of a sealed key.
pub(super) const MAGIC: [u8; 4] = *b"RCKY";
/// Where the length of the sealed part stands.
pub(super) const LENGTH_AT: usize = 76;
const VERSION: u8 = 1;
const AAD: usize = 64;

/// A private key as it is on disk.
#[derive(Clone, Eq, PartialEq)]
pub struct SealedKey {
    master: MasterId,
    id: KeyId,
    spki_sha256: Digest,
    exportable: bool,
    bytes: Vec<u8>,
}

impl fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl SealedKey {
    /// Reads what `bytes` begin with; a slot has zeros after it.
    ///
    /// # Errors
    /// Says what is wrong; `path` is only for saying so.
    pub(crate) fn parse(bytes: &[u8], path: &str) -> Result<Self, Error> {
        let damaged = |what| Error::Damaged { path: path.into(), what };
        let fields = Fields::read(bytes).ok_or_else(|| damaged("it is too short"))?;
        if fields.magic != MAGIC || fields.version != VERSION || fields.exportable > 1 {
            return Err(damaged("the header is not valid"));
        }
        if crc32fast::hash(fields.covered) != fields.checksum {
            return Err(damaged("the checksum does not agree"));
        }
        Ok(Self {
            master: fields.master,
            id: fields.id,
            spki_sha256: fields.spki_sha256,
            exportable: fields.exportable == 1,
            bytes: bytes.get(..fields.length).unwrap_or_default().to_vec(),
        })
    }

    /// Returns how long the record is that `bytes` begin with, by its length field alone.
    pub(super) fn length(bytes: &[u8]) -> Option<usize> {
        let sealed = Reader::new(bytes.get(LENGTH_AT..)?).length()?;
        sealed.checked_add(LENGTH_AT)?.checked_add(8)
    }

    /// Returns the key's id.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Returns which master key it is sealed under.
    pub const fn master(&self) -> MasterId {
        self.master
    }

    /// Returns the SHA-256 of the public key's SubjectPublicKeyInfo.
    pub const fn spki_sha256(&self) -> &Digest {
        &self.spki_sha256
    }

    /// Returns whether the key may leave this server outside an encrypted backup.
    pub const fn is_exportable(&self) -> bool {
        self.exportable
    }

    /// Returns the file's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

struct Fields<'a> {
    magic: [u8; 4],
    version: u8,
    exportable: u8,
    master: MasterId,
    id: KeyId,
    spki_sha256: Digest,
    nonce: [u8; NONCE_LEN],
    sealed: &'a [u8],
    covered: &'a [u8],
    checksum: u32,
    length: usize,
}

impl<'a> Fields<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let (magic, version, exportable) = (reader.array()?, reader.u8()?, reader.u8()?);
        // The two zero bytes are additional data: whoever changes them cannot unseal.
        reader.u16()?;
        let master = MasterId(reader.array()?);
        let id = KeyId::new(reader.array()?);
        let (spki_sha256, nonce) = (reader.array()?, reader.array()?);
        let length = reader.length()?;
        let sealed = reader.bytes(length)?;
        let covered_length = bytes.len().checked_sub(reader.rest().len())?;
        let covered = bytes.get(..covered_length)?;
        let checksum = reader.u32()?;
        let length = covered_length.checked_add(4)?;
        Some(Self {
            magic,
            version,
            exportable,
            master,
            id,
            spki_sha256,
            nonce,
            sealed,
            covered,
            checksum,
            length,
        })
    }
}

/// Seals and unseals keys under one master key.
#[derive(Debug)]
pub struct Sealer {
    master: MasterKey,
}

impl Sealer {
    /// Seals under `master`.
    pub const fn new(master: MasterKey) -> Self {
        Self { master }
    }

    /// Returns the name of the master key.
    pub const fn master_id(&self) -> MasterId {
        self.master.id()
    }

    /// Seals a PKCS#8 private key.
    pub fn seal(
        &self,
        id: KeyId,
        spki_sha256: Digest,
        exportable: bool,
        pkcs8: &[u8],
    ) -> SealedKey {
        let mut nonce = [0; NONCE_LEN];
        aws_lc_rs::rand::fill(&mut nonce).expect("the system gives random bytes");
        let mut bytes = Vec::with_capacity(pkcs8.len().saturating_add(100));
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&[VERSION, u8::from(exportable), 0, 0]);
        bytes.extend_from_slice(self.master.id().as_bytes());
        bytes.extend_from_slice(id.as_bytes());
        bytes.extend_from_slice(&spki_sha256);
        let mut sealed = Zeroizing::new(pkcs8.to_vec());
        sealed.reserve_exact(AES_256_GCM.tag_len());
        let tag = self
            .key(&id)
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(&bytes),
                &mut sealed,
            )
            .expect("a private key is shorter than what AES-GCM can seal");
        let length = sealed.len().saturating_add(tag.as_ref().len());
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&length32(length).to_le_bytes());
        bytes.extend_from_slice(&sealed);
        bytes.extend_from_slice(tag.as_ref());
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        SealedKey { master: self.master.id(), id, spki_sha256, exportable, bytes }
    }

    /// Unseals a key.
    ///
    /// # Errors
    /// [`Error::WrongMaster`] for a key of another master key, [`Error::Tampered`] for one that
    /// was changed.
    pub fn open(&self, sealed: &SealedKey) -> Result<Zeroizing<Vec<u8>>, Error> {
        let id = sealed.id;
        let held = self.master.id();
        if sealed.master != held {
            return Err(Error::WrongMaster { id, sealed_under: sealed.master, held });
        }
        let tampered = || Error::Tampered { id };
        let fields = Fields::read(&sealed.bytes).ok_or_else(tampered)?;
        let header = sealed.bytes.get(..AAD).ok_or_else(tampered)?;
        let mut buffer = Zeroizing::new(fields.sealed.to_vec());
        let opened = self
            .key(&id)
            .open_in_place(
                Nonce::assume_unique_for_key(fields.nonce),
                Aad::from(header),
                &mut buffer,
            )
            .map_err(|_unspecified| tampered())?;
        let length = opened.len();
        buffer.truncate(length);
        Ok(buffer)
    }

    fn key(&self, id: &KeyId) -> LessSafeKey {
        let key = self.master.file_key(id);
        let key = UnboundKey::new(&AES_256_GCM, &*key).expect("AES-256 keys have 32 bytes");
        LessSafeKey::new(key)
    }
}

/// Reads the file of a key and checks that it is that key's.
pub(super) fn parse_file(id: &KeyId, bytes: &[u8]) -> Result<SealedKey, Error> {
    let path = path(id);
    let sealed = SealedKey::parse(bytes, &path)?;
    if sealed.id != *id {
        return Err(Error::Damaged { path: path.into(), what: "it holds another key" });
    }
    Ok(sealed)
}
