//! A file that is added to the embedded folder is embedded.

fn main() {
    println!("cargo:rerun-if-changed=../../runbooks");
}
