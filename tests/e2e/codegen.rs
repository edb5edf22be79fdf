//! The generated code under `src/api/gen/` is what `proto/` says.
//!
//! `ROLECALL_REGENERATE=1 cargo test -p rolecall-tests codegen` writes it anew.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use prost::Message;

#[test]
fn the_checked_in_api_is_what_the_contract_generates() {
    let fresh = tempfile::tempdir().unwrap();
    generate(fresh.path());

    let checked_in = root().join("src/api/gen");
    if std::env::var_os("ROLECALL_REGENERATE").is_some() {
        fs::create_dir_all(&checked_in).unwrap();
        for name in file_names(fresh.path()) {
            fs::copy(fresh.path().join(&name), checked_in.join(&name)).unwrap();
        }
    }

    assert_eq!(file_names(fresh.path()), file_names(&checked_in), "files under src/api/gen");
    for name in file_names(fresh.path()) {
        let (new, old) = (fs::read(fresh.path().join(&name)), fs::read(checked_in.join(&name)));
        assert!(new.unwrap() == old.unwrap(), "src/api/gen/{name} is stale: regenerate it");
    }
}

fn generate(out: &Path) {
    let proto = root().join("proto");
    let mut files: Vec<PathBuf> = fs::read_dir(proto.join("rolecall/v1"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();

    let descriptors = protox::compile(&files, [&proto]).unwrap();
    let mut file = fs::File::create(out.join("descriptors.bin")).unwrap();
    file.write_all(&descriptors.encode_to_vec()).unwrap();
    tonic_prost_build::configure()
        .emit_rerun_if_changed(false)
        .out_dir(out)
        .compile_fds(descriptors)
        .unwrap();
    assert_eq!(file_names(out), ["descriptors.bin", "rolecall.v1.rs"]);
}

fn file_names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
