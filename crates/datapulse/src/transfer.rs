//! Documents in and out of the store, through files: what `import` and `export` share.

pub mod cells;
pub mod columns;
pub mod counted;
pub mod pages;
pub mod rows;
pub mod sink;
pub mod writer;
