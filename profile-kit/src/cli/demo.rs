//! The verb `demo`.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use profile_kit::{
    Error, Identity, Os, Overwrite, SignedProfile, TrustStore, UuidSource, VerifiedProfile,
    pki::{Authority, KeySpec, Leaf, Validity},
    sign::EncodedProfile,
    spec,
    template::Values,
};

use super::{
    files::{self, OPEN_TO_ALL, OWNER_ONLY},
    outcome::{Exit, Failure},
    text,
};

/// The main job from end to end: test keys, spec, locked profile, overwrite, both signed, both verified.
///
/// Tells each step with the command that does the same. Never install what it makes on a device in use.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  profile-kit demo --dir try-it")]
pub struct Args {
    /// Where to write: a new or empty directory. Without it a new one among the system's temporary files.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<Exit, Failure> {
    let demo = Demo { dir: directory(args.dir.as_deref())? };
    demo.run().map_err(Step::into_failure)?;
    Ok(Exit::Yes)
}

fn directory(wished: Option<&Path>) -> Result<PathBuf, Failure> {
    let Some(wished) = wished else {
        let made = tempfile::Builder::new().prefix("profile-kit-demo-").tempdir();
        return made.map(tempfile::TempDir::keep).map_err(|cause| {
            Failure::io(&std::env::temp_dir().display().to_string(), "no directory can be made in it", &cause)
        });
    };
    let name = wished.display().to_string();
    fs::create_dir_all(wished).map_err(|cause| Failure::io(&name, "cannot be made", &cause))?;
    let mut entries = fs::read_dir(wished).map_err(|cause| Failure::io(&name, "cannot be read", &cause))?;
    match entries.next() {
        None => Ok(wished.to_owned()),
        Some(_) => Err(Failure::usage(format!("{name}: is not empty: name a new directory"))),
    }
}

struct Demo {
    dir: PathBuf,
}

/// A step failed in the library, or at a file.
enum Step {
    Library(Error),
    File(Failure),
}

impl From<Error> for Step {
    fn from(error: Error) -> Self {
        Step::Library(error)
    }
}

impl From<Failure> for Step {
    fn from(failure: Failure) -> Self {
        Step::File(failure)
    }
}

impl Step {
    fn into_failure(self) -> Failure {
        match self {
            Step::Library(error) => Failure::of("demo", &error),
            Step::File(failure) => failure,
        }
    }
}

impl Demo {
    fn run(&self) -> Result<(), Step> {
        text::print(&format!("Everything is written to {}\n", text::escape(&self.dir.display().to_string())))?;
        let identity = self.keys()?;
        let installed = self.locked(&identity)?;
        let roots = TrustStore::from_pem_file(self.dir.join(ROOTS))?;
        let installed = self.verify("3. Verify it, as a device would", SIGNED, &installed, &roots)?;
        let overwrite = self.overwrite(&installed, &identity)?;
        drop(self.verify("5. Verify the overwrite", OVERWRITE, &overwrite, &roots)?);
        text::print(
            "\nBoth carry the same identifier and the same certificate. Installed over the locked profile,\n\
             the overwrite takes its place, and the owner can delete it without a password.\n",
        )?;
        Ok(())
    }

    fn keys(&self) -> Result<Identity, Step> {
        let now = SystemTime::now();
        let validity = Validity::days(now - Duration::from_secs(3600), 365);
        let root = Authority::new("Demo Root CA", KeySpec::P256, validity)?;
        let issuing = root.intermediate("Demo Issuing CA", KeySpec::P256, validity)?;
        let signer = issuing.issue(&Leaf::new("Demo Profile Signer", KeySpec::Rsa(2048), validity))?;
        self.write(ROOTS, &root.certificate_pem()?, OPEN_TO_ALL)?;
        let chain = [signer.certificate_pem()?, signer.chain_pem()?, root.certificate_pem()?].concat();
        self.write(CERTIFICATE, &chain, OPEN_TO_ALL)?;
        self.write(KEY, &signer.key_pem()?, OWNER_ONLY)?;
        self.tell(
            "1. Test keys: a root, an intermediate, a signing certificate (never for devices in use)",
            "",
            &[&format!("{ROOTS}, {CERTIFICATE} (with its chain), {KEY}")],
        )?;
        Ok(Identity::from_pem_files(self.dir.join(CERTIFICATE), self.dir.join(KEY))?)
    }

    fn locked(&self, identity: &Identity) -> Result<SignedProfile, Step> {
        let example = super::new::example("jp.example.ivi-mdm");
        self.write(SPEC, example.as_bytes(), OPEN_TO_ALL)?;
        let profile = spec::read(&example)?.fill(&Values::new(), UuidSource::Content)?;
        let encoded = EncodedProfile::read(profile.to_xml()?)?;
        self.write(UNSIGNED, encoded.bytes(), OPEN_TO_ALL)?;
        let signed = identity.sign(&encoded)?;
        self.write(SIGNED, signed.as_bytes(), OPEN_TO_ALL)?;
        self.tell(
            "2. The locked profile: write a spec, build, sign",
            &format!(
                "profile-kit new -o {SPEC}\nprofile-kit build {SPEC} -o {UNSIGNED}\n\
                 profile-kit sign {UNSIGNED} --cert {CERTIFICATE} --key {KEY} -o {SIGNED}"
            ),
            &[&format!("identifier {}, the owner cannot delete it", text::quoted(profile.identifier()))],
        )?;
        Ok(signed)
    }

    fn overwrite(&self, installed: &VerifiedProfile, identity: &Identity) -> Result<SignedProfile, Step> {
        let overwrite = Overwrite::of(installed).target(Os::ios(17)).build()?;
        let signed = identity.sign(&overwrite)?;
        self.write(OVERWRITE, signed.as_bytes(), OPEN_TO_ALL)?;
        let changes: Vec<_> = overwrite.changes().iter().map(ToString::to_string).collect();
        self.tell(
            "4. Its overwrite for iOS 17: made of the signed file, signed by the same certificate",
            &format!("profile-kit overwrite {SIGNED} --os 17 --cert {CERTIFICATE} --key {KEY} -o {OVERWRITE}"),
            &changes.iter().map(String::as_str).collect::<Vec<_>>(),
        )?;
        Ok(signed)
    }

    fn verify(
        &self,
        title: &str,
        file: &str,
        signed: &SignedProfile,
        roots: &TrustStore,
    ) -> Result<VerifiedProfile, Step> {
        let verified = roots.verify(signed)?;
        if !verified.verdict().is_good() {
            let message = format!("{file}: {}", verified.verdict());
            return Err(Step::File(Failure { exit: Exit::No, message }));
        }
        let verdict = format!("{}, signed by {}", verified.verdict(), verified.leaf().subject());
        self.tell(title, &format!("profile-kit verify {file} --roots {ROOTS}"), &[&verdict])?;
        Ok(verified)
    }

    fn write(&self, name: &str, bytes: &[u8], mode: u32) -> Result<(), Failure> {
        files::write(&self.dir.join(name), bytes, mode)
    }

    fn tell(&self, title: &str, commands: &str, results: &[&str]) -> Result<(), Failure> {
        let bold = text::bold();
        let mut report = format!("\n{bold}{title}{bold:#}\n");
        for command in commands.lines() {
            writeln!(report, "  $ {command}").expect("a string takes any text");
        }
        for result in results {
            writeln!(report, "  {}", text::escape(result)).expect("a string takes any text");
        }
        text::print(&report)
    }
}

const ROOTS: &str = "roots.pem";
const CERTIFICATE: &str = "signer.pem";
const KEY: &str = "signer.key";
const SPEC: &str = "spec.toml";
const UNSIGNED: &str = "ivi-mdm.mobileconfig";
const SIGNED: &str = "ivi-mdm.signed.mobileconfig";
const OVERWRITE: &str = "overwrite.signed.mobileconfig";
