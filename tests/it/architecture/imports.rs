//! Which module imports which: `use` trees over several lines, and paths in the code.

use super::sources::Source;
use std::collections::{BTreeMap, BTreeSet};

/// The modules that each module imports.
pub(super) type Graph = BTreeMap<String, BTreeSet<String>>;

/// A path of this crate that a file names, from the crate's root.
#[derive(Debug, PartialEq)]
pub(super) struct Import {
    pub(super) path: Vec<String>,
    /// The name under which it is known in the file.
    name: String,
    /// Made by `pub use`: the file is a door, and the import is that of who comes through it.
    is_reexport: bool,
}

/// The imports between files: a name that a door re-exports belongs to the file that defines it.
pub(super) fn between_files(sources: &[Source]) -> Graph {
    let imports: BTreeMap<&[String], Vec<Import>> = sources
        .iter()
        .filter(|source| !source.path.ends_with("main.rs"))
        .map(|source| (source.module.as_slice(), imported_paths(source)))
        .collect();
    let mut graph = Graph::new();
    for (here, found) in &imports {
        let used = found
            .iter()
            .filter(|import| !import.is_reexport)
            .map(|import| defining_file(&import.path, &imports))
            .filter(|file| !file.is_empty() && file.as_slice() != *here)
            .map(|file| file.join("::"));
        graph.entry(here.join("::")).or_default().extend(used);
    }
    graph
}

fn defining_file(path: &[String], imports: &BTreeMap<&[String], Vec<Import>>) -> Vec<String> {
    let length = (0..=path.len())
        .rev()
        .find(|length| imports.contains_key(&path[..*length]))
        .unwrap_or_default();
    let (file, rest) = path.split_at(length);
    let door = rest.first().and_then(|name| {
        let mut doors = imports[file].iter().filter(|import| import.is_reexport);
        doors.find(|import| import.name == *name)
    });
    match door {
        Some(door) if door.path != path => {
            defining_file(&[door.path.as_slice(), &rest[1..]].concat(), imports)
        }
        _ => file.to_vec(),
    }
}

/// The strongly connected components of more than one module.
pub(super) fn circles(graph: &Graph) -> BTreeSet<BTreeSet<String>> {
    let reached = |from: &str| {
        let mut reached = BTreeSet::new();
        let mut open: Vec<&str> = vec![from];
        while let Some(module) = open.pop() {
            for next in graph.get(module).into_iter().flatten() {
                if next != module && reached.insert(next.as_str()) {
                    open.push(next);
                }
            }
        }
        reached
    };
    let all: BTreeMap<&str, BTreeSet<&str>> = graph
        .keys()
        .map(|module| (module.as_str(), reached(module)))
        .collect();
    let component = |module: &str| -> BTreeSet<String> {
        all[module]
            .iter()
            .filter(|other| all.get(*other).is_some_and(|back| back.contains(module)))
            .map(ToString::to_string)
            .collect()
    };
    all.keys()
        .map(|module| component(module))
        .filter(|component| component.len() > 1)
        .collect()
}

/// Every path of this crate in the file.
pub(super) fn imported_paths(source: &Source) -> Vec<Import> {
    let children: Vec<&str> = source
        .code
        .lines()
        .filter_map(|line| {
            without_visibility(line)
                .strip_prefix("mod ")?
                .strip_suffix(';')
        })
        .collect();
    let import = |path: &[&str], name: &str, is_reexport: bool| {
        absolute(path, &source.module, &children).map(|path| Import {
            path,
            name: name.to_owned(),
            is_reexport,
        })
    };
    let (mut found, mut inline) = (Vec::new(), Vec::new());
    let mut lines = source.code.lines();
    while let Some(line) = lines.next() {
        let Some(first) = without_visibility(line).strip_prefix("use ") else {
            inline.extend(paths_in(line));
            continue;
        };
        let is_reexport = line.trim_start().starts_with("pub");
        let mut tree = first.to_owned();
        while !tree.ends_with(';') {
            tree.push_str(lines.next().expect("a use has an end").trim());
        }
        let tree = tree.trim_end_matches(';');
        each_leaf(tree, &[], &mut |path| {
            let (path, alias) = with_alias(path);
            let name = alias.or(path.last().copied()).unwrap_or_default();
            found.extend(import(&path, name, is_reexport));
        });
    }
    // A path may begin with a name that was imported, as in `topology::queues`.
    let through_names = |path: &[&str]| {
        let module = found.iter().find(|import| import.name == path[0])?;
        let rest = path[1..].iter().map(ToString::to_string);
        Some(Import {
            path: module.path.iter().cloned().chain(rest).collect(),
            name: String::new(),
            is_reexport: false,
        })
    };
    let inline: Vec<Import> = inline
        .iter()
        .filter_map(|path| import(path, "", false).or_else(|| through_names(path)))
        .collect();
    found.extend(inline);
    found
}

/// Hands over each path of a `use` tree, by its segments.
fn each_leaf<'a>(tree: &'a str, before: &[&'a str], leaf: &mut impl FnMut(&[&'a str])) {
    let tree = tree.trim();
    let (path, group) = tree.split_once('{').map_or((tree, None), |(path, group)| {
        (path, group.strip_suffix('}'))
    });
    let segments = path.split("::").filter(|segment| !segment.is_empty());
    let path: Vec<&str> = before.iter().copied().chain(segments).collect();
    let Some(group) = group else {
        if !tree.is_empty() {
            leaf(&path);
        }
        return;
    };
    let mut depth = 0;
    let is_comma = |letter: char| {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        letter == ',' && depth == 0
    };
    for part in group.split(is_comma) {
        each_leaf(part, &path, leaf);
    }
}

/// `[a, b as c]` is the path `a::b`, known as `c`; a last `self` is the path before it.
fn with_alias<'a>(path: &[&'a str]) -> (Vec<&'a str>, Option<&'a str>) {
    let mut path = path.to_vec();
    let last = path.pop().unwrap_or_default();
    let (last, alias) = last
        .split_once(" as ")
        .map_or((last, None), |(last, alias)| (last, Some(alias)));
    if last != "self" || path.is_empty() {
        path.push(last);
    }
    (path, alias)
}

/// The paths of more than one segment in a line of code.
fn paths_in(line: &str) -> impl Iterator<Item = Vec<&str>> {
    line.split(|letter: char| !letter.is_alphanumeric() && letter != '_' && letter != ':')
        .map(|path| {
            path.split("::")
                .filter(|segment| !segment.is_empty())
                .collect::<Vec<_>>()
        })
        .filter(|path| path.len() > 1)
}

/// The path from the crate's root; `None` where it leads to another crate.
fn absolute(path: &[&str], here: &[String], children: &[&str]) -> Option<Vec<String>> {
    let ups = path
        .iter()
        .take_while(|segment| **segment == "super")
        .count();
    let (base, rest) = match path.first()? {
        &"crate" => (&[][..], &path[1..]),
        &"self" => (here, &path[1..]),
        &"super" => (&here[..here.len().checked_sub(ups)?], &path[ups..]),
        first if children.contains(first) => (here, path),
        _ => return None,
    };
    let rest = rest.iter().map(ToString::to_string);
    Some(base.iter().cloned().chain(rest).collect())
}

fn without_visibility(line: &str) -> &str {
    let line = line.trim_start();
    let Some(rest) = line.strip_prefix("pub") else {
        return line;
    };
    match rest.strip_prefix('(') {
        Some(rest) => rest
            .split_once(')')
            .map_or(rest, |(_, rest)| rest)
            .trim_start(),
        None => rest.trim_start(),
    }
}
