//! What the benchmarks measure against: signatures alone, and the time of processors.

use std::{error::Error, fs};

use openssl::{md::Md, pkey::PKey, pkey_ctx::PkeyCtx, rsa::Padding};

/// Signs a digest of SHA-256 with a context that is made ready once.
pub fn signature(pem: &[u8]) -> impl FnMut(&[u8; 32]) + use<> {
    let key = PKey::private_key_from_pem(pem).expect("the key was just written");
    let mut context = PkeyCtx::new(&key).expect("the key can sign");
    context.sign_init().expect("the key can sign");
    context.set_signature_md(Md::sha256()).expect("SHA-256 is there");
    if key.rsa().is_ok() {
        context.set_rsa_padding(Padding::PKCS1).expect("RSA has paddings");
    }
    let mut signature = Vec::new();
    move |digest| {
        signature.clear();
        context.sign_to_vec(digest, &mut signature).expect("the key can sign");
    }
}

/// What a process has used, in seconds: fields 14 and 15 of Linux's `stat`, in hundredths.
pub fn processor_time(pid: u32) -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").ok_or("stat has no name")?;
    let used: u32 = fields.split(' ').skip(11).take(2).map(|field| field.parse().unwrap_or(0_u32)).sum();
    Ok(f64::from(used) / 100.0)
}
