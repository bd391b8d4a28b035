//! Arguments to command, exit code; nothing else.

fn main() {}
