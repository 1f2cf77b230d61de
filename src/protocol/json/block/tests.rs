//! Masks against bytes one by one.

use super::*;

#[test]
fn a_mask_has_one_bit_for_each_byte_that_fits() {
    for place in 0..BLOCK {
        let mut block = [b' '; BLOCK];
        block[place] = b'"';
        assert_eq!(mask_of(&block, b'"'), 1 << place);
        assert_eq!(stays_inside(&block, false), None);
        block[place] = b'[';
        assert_eq!((opening(&block), closing(&block)), (1 << place, 0));
        block[place] = b'}';
        assert_eq!((opening(&block), closing(&block)), (0, 1 << place));
        assert_eq!(stays_inside(&block, place == 0), Some((false, false)));
    }
}

#[test]
fn the_end_of_a_short_string_is_found_wherever_it_is() {
    for length in 0..100 {
        for place in 0..length {
            for special in [b'"', b'\\'] {
                let mut bytes = vec![b'x'; length];
                bytes[place] = special;
                let expected = (length < NEAR || place < NEAR).then_some(place);
                assert_eq!(near_special(&bytes), expected, "{place} of {length}");
                let is_near = special == b'"' && place <= NEAR;
                let expected = is_near.then_some(place);
                let found = near_string(&bytes).map(|(content, after)| {
                    assert_eq!(content.len() + 1 + after.len(), length);
                    content.len()
                });
                assert_eq!(found, expected, "{place} of {length}");
            }
        }
        assert_eq!(near_special(&vec![b'x'; length]), None);
    }
}

#[test]
fn only_brackets_count_as_brackets() {
    for byte in 0..=u8::MAX {
        let block = [byte; BLOCK];
        assert_eq!(opening(&block) != 0, matches!(byte, b'[' | b'{'), "{byte}");
        assert_eq!(closing(&block) != 0, matches!(byte, b']' | b'}'), "{byte}");
    }
}

#[test]
fn only_quotes_backslashes_and_controls_do_not_stand_for_themselves() {
    for byte in 0..=u8::MAX {
        let special = byte < 0x20 || matches!(byte, b'"' | b'\\' | 0x7f);
        assert_eq!(unplain(&[byte; BLOCK]), if special { u64::MAX } else { 0 }, "{byte}");
    }
}

#[test]
fn every_run_of_backslashes_escapes_as_byte_by_byte() {
    // All patterns of twelve bytes at both ends of a block, with and without a carry.
    for pattern in 0..1_u64 << 12 {
        for backslashes in [pattern, pattern << 52, pattern << 26] {
            for carried in [false, true] {
                let found = escapes(backslashes, carried);
                assert_eq!(found, slowly(backslashes, carried), "{backslashes:b} {carried}");
            }
        }
    }
}

fn slowly(backslashes: u64, carried: bool) -> Escapes {
    let (mut escaped, mut escaping, mut is_escaped) = (0, 0, carried);
    for place in 0..64 {
        let bit = 1 << place;
        if is_escaped {
            escaped |= bit;
            is_escaped = false;
        } else if backslashes & bit != 0 {
            escaping |= bit;
            is_escaped = true;
        }
    }
    Escapes { escaped, escaping }
}

#[test]
fn a_string_stays_inside_of_a_block_only_if_nothing_ends_it() {
    // All arrangements of six bytes at every place, borders included.
    const KINDS: [u8; 3] = [b'x', b'"', b'\\'];
    for arrangement in 0..3_usize.pow(6) {
        for place in 0..=BLOCK - 6 {
            let mut block = [b'x'; BLOCK];
            for (n, byte) in block[place..place + 6].iter_mut().enumerate() {
                *byte = KINDS[arrangement / 3_usize.pow(n.try_into().unwrap()) % 3];
            }
            for carried in [false, true] {
                let escapes = slowly(mask_of(&block, b'\\'), carried);
                let ends = mask_of(&block, b'"') & !escapes.escaped != 0;
                let escapes_next = escapes.escaping >> 63 == 1;
                let found = stays_inside(&block, carried);
                let has_quote = block.contains(&b'"');
                let is_right =
                    found.is_none_or(|found| !ends && found == (escapes_next, has_quote));
                assert!(is_right, "{arrangement} at {place}, {carried}");
            }
        }
    }
    let code = br#"if (name == \"model\") {\n\t\treturn path.join(\"a\\\\b\", x);\n}  "#;
    let code = code.first_chunk().unwrap();
    assert_eq!(stays_inside(code, false), Some((false, true)), "or it is of no use");
}

#[test]
fn prose_is_passed_up_to_the_block_that_may_end_it() {
    for blocks in 0..4 {
        for rest in [0, 1, BLOCK - 1] {
            let prose = vec![b'x'; blocks * BLOCK + rest];
            assert_eq!(behind_prose(&prose).len(), rest);
            for place in 0..blocks * BLOCK {
                let mut text = prose.clone();
                text[place] = b'"';
                assert_eq!(behind_prose(&text).len(), text.len() - place / BLOCK * BLOCK);
                text[place] = b'\\';
                let ends_block = place % BLOCK == BLOCK - 1;
                let left = if ends_block { text.len() - place / BLOCK * BLOCK } else { rest };
                assert_eq!(behind_prose(&text).len(), left, "{place}");
            }
        }
    }
}

#[test]
fn a_key_ends_at_its_quote_if_a_colon_follows() {
    for length in 0..=NEAR + 2 {
        let key = "k".repeat(length);
        for after in ["", ":", " :", ",", "x:", "\":"] {
            let text = format!("{key}\"{after}1");
            let found = near_key(text.as_bytes());
            let expected = (after == ":" && length <= NEAR).then_some((key.as_bytes(), &b"1"[..]));
            assert_eq!(found, expected, "{text}");
        }
        assert_eq!(near_key(format!("{key}\"").as_bytes()), None);
        assert_eq!(near_key(format!("{key}\\\":1").as_bytes()), None);
    }
}

#[test]
fn the_inside_of_strings_begins_at_the_quote() {
    assert_eq!(inside(0b0100_0010), 0b0011_1110);
    assert_eq!(inside(1), u64::MAX);
}
