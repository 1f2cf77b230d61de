//! Rules of keys that operators set, by id of their case.

use serde_json::json;

use super::*;
use crate::control_plane::reload::scene::loaded;

const PROVIDERS: &str = "[storage]\npath = '/nowhere'\n\
    master_key = '0123456789abcdef0123456789abcdef'\n\
    [[caller]]\nname = 'alice'\nkey.env = 'ALICE'\n\
    [[provider]]\nname = 'a'\ndialect = 'openai'\nbase_url = 'http://h'\n\
    key = [{ name = 'own', value.env = 'KEY', max_concurrent = 3 }]\n";

struct Ring {
    overlay: Overlay,
    snapshot: Arc<Snapshot>,
}

impl Ring {
    fn new(config: &str) -> Self {
        Self { overlay: Overlay::default(), snapshot: loaded(config).snapshot }
    }

    fn set(&mut self, name: &str, settings: serde_json::Value) -> Result<Stored, Refusal> {
        let settings = serde_json::from_value(settings).expect("settings");
        let changed = self.scene().set(("a", name), settings)?;
        self.overlay = changed.overlay;
        match changed.change {
            Change::Set(stored) => Ok(stored),
            Change::Remove { .. } => panic!("it was set"),
        }
    }

    fn scene(&self) -> Scene<'_> {
        Scene { now_ms: 7, overlay: &self.overlay, snapshot: &self.snapshot }
    }

    fn cap(&self, name: &str) -> Option<u32> {
        let provider = self.snapshot.providers.first().expect("a provider");
        let keys = self.overlay.keys_of(&self.snapshot, provider);
        keys.iter().find(|key| key.name == name).map(|key| key.max_concurrent)
    }

    fn value(&self, name: &str) -> String {
        let key = self.overlay.find("a", name).and_then(|key| key.added.as_ref());
        key.expect("an added key").value.expose().to_owned()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "asked of what was just made")]
fn is_bad(outcome: Result<Stored, Refusal>) -> bool {
    matches!(outcome, Err(Refusal::Bad(_)))
}

#[test]
fn t04_t05_t06_t12_a_cap_stays_with_its_key_until_another_is_set() {
    let mut ring = Ring::new(PROVIDERS);
    let first = ring.set("new", json!({"value": "sk-1"})).expect("a key");
    assert!(first.sealed.is_some());
    assert_eq!(ring.cap("new"), Some(8), "T-12");
    ring.set("other", json!({"value": "sk-2", "max_concurrent": 5})).expect("a key");
    assert_eq!(ring.cap("other"), Some(5), "T-04");
    ring.set("other", json!({"value": "sk-3"})).expect("another value");
    assert_eq!((ring.cap("other"), ring.value("other")), (Some(5), "sk-3".to_owned()), "T-05");
    ring.set("other", json!({"max_concurrent": 9})).expect("another cap");
    assert_eq!((ring.cap("other"), ring.value("other")), (Some(9), "sk-3".to_owned()), "T-06");
}

#[test]
fn t08_a_cap_alone_leaves_what_is_sealed() {
    let mut ring = Ring::new(PROVIDERS);
    ring.set("new", json!({"value": "sk-1"})).expect("a key");
    let stored = ring.set("new", json!({"max_concurrent": 2})).expect("a cap");
    assert_eq!(stored.sealed, None, "nothing new to be sealed");
}

#[test]
fn t09_t10_t11_what_cannot_be_is_refused_before_anything_is_kept() {
    let mut ring = Ring::new(PROVIDERS);
    assert!(is_bad(ring.set("new", json!({"max_concurrent": 5}))), "T-09");
    assert!(is_bad(ring.set("new", json!({}))), "T-10");
    for cap in [0, -1, 257, i64::MAX] {
        let settings = json!({"value": "sk-1", "max_concurrent": cap});
        assert!(is_bad(ring.set("new", settings)), "T-11: {cap}");
    }
    for value in ["tg-x", "TG-x", "", "with space", "sk-one"] {
        assert!(is_bad(ring.set("new", json!({ "value": value }))), "{value:?}");
    }
    assert!(is_bad(ring.set("na/me", json!({"value": "sk-1"}))));
    let nobody = json!({"value": "sk-1", "reserved_for": ["nobody"]});
    assert!(is_bad(ring.set("new", nobody)));
    assert!(ring.overlay.keys.is_empty());
}

#[test]
fn of_a_key_of_the_file_only_cap_and_switch_are_set_and_the_file_wins_when_it_changes() {
    let mut ring = Ring::new(PROVIDERS);
    for settings in [json!({"value": "sk-1"}), json!({"reserved_for": []})] {
        assert!(matches!(ring.set("own", settings), Err(Refusal::Conflict(_))));
    }
    assert!(matches!(ring.scene().remove(("a", "own")), Err(Refusal::Conflict(_))));
    ring.set("own", json!({"max_concurrent": 6})).expect("a cap");
    ring.set("own", json!({"enabled": false})).expect("a switch");
    assert_eq!((ring.cap("own"), ring.overlay.is_enabled("a", "own")), (Some(6), false));
    ring.snapshot = loaded(&PROVIDERS.replace("max_concurrent = 3", "max_concurrent = 4")).snapshot;
    assert_eq!(ring.cap("own"), Some(4), "the file's own value changed");
    assert!(!ring.overlay.is_enabled("a", "own"));
}

#[test]
fn a_key_reserved_for_callers_who_are_gone_is_nobodys() {
    let mut ring = Ring::new(PROVIDERS);
    ring.set("new", json!({"value": "sk-1", "reserved_for": ["alice"]})).expect("a key");
    let reserved = |ring: &Ring| {
        let provider = ring.snapshot.providers.first().expect("a provider");
        let keys = ring.overlay.keys_of(&ring.snapshot, provider);
        keys.iter().find(|key| key.name == "new").expect("the key").reserved_for.clone()
    };
    assert_eq!(reserved(&ring), [0]);
    let without = PROVIDERS.replace("[[caller]]\nname = 'alice'\nkey.env = 'ALICE'\n", "");
    ring.snapshot = loaded(&without).snapshot;
    assert_eq!(reserved(&ring), [usize::try_from(u32::MAX).expect("fits")]);
}

#[test]
fn without_a_master_key_or_storage_no_key_is_added() {
    for (from, to) in [
        ("master_key = '0123456789abcdef0123456789abcdef'\n", ""),
        ("path = '/nowhere'", "path = 'off'"),
    ] {
        let mut ring = Ring::new(&PROVIDERS.replace(from, to));
        let refused = ring.set("new", json!({"value": "sk-1"}));
        assert!(matches!(refused, Err(Refusal::Conflict(_))), "{refused:?}");
        ring.set("own", json!({"max_concurrent": 6})).expect("a cap needs neither");
    }
}

#[test]
fn what_was_kept_opens_again_and_another_master_key_opens_nothing() {
    let mut ring = Ring::new(PROVIDERS);
    let stored = ring.set("new", json!({"value": "sk-1", "enabled": false})).expect("a key");
    let overlay = opened(vec![stored.clone()], &ring.snapshot).overlay;
    let key = overlay.find("a", "new").expect("the key");
    assert_eq!(key.added.as_ref().expect("a value").value.expose(), "sk-1");
    assert!(!key.enabled);
    let other = PROVIDERS.replace("0123456789abcdef0123", "another-master-key-0");
    assert!(opened(vec![stored], &loaded(&other).snapshot).overlay.keys.is_empty());
}
