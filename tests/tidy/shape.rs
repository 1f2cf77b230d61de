//! How a file looks: sizes of files, functions, lines and parameter lists, its first line, unsafe.
//!
//! Leans on rustfmt: a function ends at the first `}` as far left as its `fn`.

use crate::rooms::dead_files;
use crate::source::Source;

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const INLINE_TEST_LINES_MAX: usize = 150;
const LINE_COLUMNS_MAX: usize = 100;
const PARAMETERS_MAX: usize = 5;

/// Files that may write `unsafe` (paths as [`Source::path`] has them), each with a `SAFETY` line per block.
const UNSAFE_FILES: &[&str] =
    &["cli/large_pages.rs", "data_plane/io/fd.rs", "tools/mock/src/link/socket.rs"];

pub fn check(sources: &[Source]) -> Vec<String> {
    let mut breaches = dead_files(sources);
    for source in sources {
        breaches.extend(first_line(source));
        breaches.extend(file_length(source));
        breaches.extend(inline_test_length(source));
        breaches.extend(line_length(source));
        breaches.extend(functions(source));
        breaches.extend(bare_unsafe(source));
        breaches.extend(open_ends(source));
    }
    breaches
}

pub fn first_line(source: &Source) -> Option<String> {
    let is_good = source.text.strip_prefix("//! ").is_some_and(|rest| rest.trim().len() > 10);
    (!is_good).then(|| source.breach(1, "begins with `//!` and what the file is for"))
}

pub fn file_length(source: &Source) -> Option<String> {
    let lines = source.text.lines().count();
    let what = format!("{lines} lines, at most {FILE_LINES_MAX}");
    (lines > FILE_LINES_MAX).then(|| source.breach(1, &what))
}

pub fn inline_test_length(source: &Source) -> Option<String> {
    let start = source.production().matches('\n').count();
    let lines = source.text.lines().count() - start;
    let what = format!("{lines} lines of tests here, at most {INLINE_TEST_LINES_MAX}");
    let has_tests = source.production().len() < source.code.len();
    (has_tests && lines > INLINE_TEST_LINES_MAX).then(|| source.breach(start + 1, &what))
}

pub fn line_length(source: &Source) -> Vec<String> {
    let what = format!("over {LINE_COLUMNS_MAX} columns");
    let is_long =
        |line: &str| line.chars().count() > LINE_COLUMNS_MAX && !line.contains("https://");
    let lines = source.text.lines().enumerate().filter(|(_, line)| is_long(line));
    lines.map(|(index, _)| source.breach(index + 1, &what)).collect()
}

pub fn functions(source: &Source) -> Vec<String> {
    let lines: Vec<&str> = source.code.lines().collect();
    let mut breaches = Vec::new();
    let mut at = 0;
    for (index, line) in lines.iter().enumerate() {
        if let Some(place) = opens_function(line) {
            let count = parameters(&source.code[at + place..]);
            if count > PARAMETERS_MAX {
                let what = format!("{count} parameters, at most {PARAMETERS_MAX}");
                breaches.push(source.breach(index + 1, &what));
            }
            let length = function_length(&lines[index..]);
            if length > FUNCTION_LINES_MAX {
                let what = format!("function of {length} lines, at most {FUNCTION_LINES_MAX}");
                breaches.push(source.breach(index + 1, &what));
            }
        }
        at += line.len() + 1;
    }
    breaches
}

/// The place after `fn ` in a line that begins a function.
fn opens_function(line: &str) -> Option<usize> {
    let place = line.find("fn ")?;
    let words = line[..place].split_whitespace();
    let is_modifier = |word: &str| {
        word.starts_with("pub")
            || ["const", "async", "unsafe", "extern", "in"].contains(&word)
            || word.ends_with(')') && line.trim_start().starts_with("pub(")
    };
    words.into_iter().all(is_modifier).then_some(place + 3)
}

/// Lines from the first of `lines`, which holds `fn`, to its closing brace; 0 without a body.
fn function_length(lines: &[&str]) -> usize {
    let margin = &lines[0][..lines[0].len() - lines[0].trim_start().len()];
    let closing = format!("{margin}}}");
    let opening = lines.iter().position(|line| line.trim_end().ends_with(['{', '}', ';']));
    match opening {
        Some(opening) if lines[opening].trim_end().ends_with('{') => {
            let body = lines[opening + 1..].iter().position(|line| line.trim_end() == closing);
            body.map_or(0, |length| opening + 1 + length + 1)
        }
        _ => 0,
    }
}

/// Parameters besides `self` of the function whose name `code` begins with.
fn parameters(code: &str) -> usize {
    let (mut depth, mut angles, mut names) = (0_usize, 0_usize, Vec::new());
    let (mut part, mut before) = (String::new(), ' ');
    for character in code.chars() {
        let is_arrow = std::mem::replace(&mut before, character) == '-' && character == '>';
        match character {
            '<' => angles += 1,
            '>' if is_arrow => {}
            '>' => angles = angles.saturating_sub(1),
            '(' | '[' | '{' if angles == 0 || depth > 0 => depth += 1,
            ')' | ']' | '}' if depth > 0 => depth -= 1,
            _ => {}
        }
        if depth == 1 && angles == 0 && character == ',' || depth == 0 && character == ')' {
            names.push(std::mem::take(&mut part));
        } else if depth > 0 {
            part.push(character);
        }
        if depth == 0 && angles == 0 && character == ')' {
            break;
        }
    }
    let name = |part: &String| part.trim_start_matches('(').split(':').next().map(str::to_owned);
    let names = names.iter().filter_map(name).map(|name| name.trim().to_owned());
    names.filter(|name| !name.is_empty() && !name.ends_with("self")).count()
}

pub fn bare_unsafe(source: &Source) -> Vec<String> {
    let text: Vec<&str> = source.text.lines().collect();
    let mut breaches = Vec::new();
    for (index, line) in source.code.lines().enumerate() {
        let is_unsafe = |what| line.contains(what) || line.trim_end().ends_with("unsafe");
        if !["unsafe {", "unsafe impl", "unsafe fn", "unsafe extern"].into_iter().any(is_unsafe) {
            continue;
        }
        if !UNSAFE_FILES.contains(&source.path().as_str()) {
            breaches.push(source.breach(index + 1, "unsafe outside of the listed files"));
        }
        let above = &text[index.saturating_sub(6)..index];
        if !above.iter().any(|line| line.contains("SAFETY:")) {
            breaches.push(source.breach(index + 1, "unsafe without a SAFETY line above it"));
        }
    }
    breaches
}

/// Work that is left open, and names that say nothing.
pub fn open_ends(source: &Source) -> Vec<String> {
    let mut breaches = Vec::new();
    for (index, (line, code)) in source.text.lines().zip(source.code.lines()).enumerate() {
        if ["TODO", "FIXME"].iter().any(|mark| line.contains(mark)) {
            breaches.push(source.breach(index + 1, "an open end without an issue"));
        }
        if code.contains("fn get_") {
            breaches.push(source.breach(index + 1, "a getter is named after what it gives"));
        }
        let defines = ["struct ", "enum ", "trait "].iter().any(|word| code.contains(word));
        let name = code.split(['{', '(', '<', ';', ':']).next().unwrap_or_default().trim_end();
        if defines && ["Manager", "Helper", "Util"].iter().any(|end| name.ends_with(end)) {
            breaches.push(source.breach(index + 1, "a name that says what it is not"));
        }
    }
    breaches
}
