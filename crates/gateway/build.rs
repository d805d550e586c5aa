//! The UI is embedded from a folder that another program writes: Cargo is told to look at it.

use std::path::Path;

/// Where Vite writes the UI, from this crate.
const BUNDLE: &str = "../../web/dist";

fn main() {
    // Cargo takes what isn't there for changed, each time. An empty folder is a UI that wasn't built;
    // where it can't be made, only time is lost.
    let _ = std::fs::create_dir_all(Path::new(BUNDLE));
    println!("cargo::rerun-if-changed={BUNDLE}");
    println!("cargo::rerun-if-changed=build.rs");
}
