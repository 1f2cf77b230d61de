//! What a reload changed, by name, for the log. Never compares a key's value: that a value changed
//! is what the credentials' book says.

use crate::config::snapshot::{Caller, ModelClass, Provider, ProviderKey, Snapshot};

/// What one configuration has that another has not, by name and in the order of the file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Differences {
    pub callers: Names,
    /// What listeners prove themselves with.
    pub certificate: bool,
    pub providers: Names,
}

/// Names of one kind.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Names {
    pub added: Vec<String>,
    /// Under the old name, something else.
    pub changed: Vec<String>,
    pub removed: Vec<String>,
}

impl Differences {
    /// From `old` to `new`.
    pub fn between(old: &Snapshot, new: &Snapshot) -> Self {
        let providers = names(
            (&old.providers, &new.providers),
            |provider| &provider.name,
            |one, other| is_same_provider((one, old), (other, new)),
        );
        let callers = names((&old.callers, &new.callers), |caller| &caller.name, is_same_caller);
        Self { callers, certificate: old.server.tls != new.server.tls, providers }
    }
}

fn names<T>(
    (old, new): (&[T], &[T]),
    name: impl Fn(&T) -> &String,
    is_same: impl Fn(&T, &T) -> bool,
) -> Names {
    let in_list = |list: &[T], one: &T| list.iter().position(|other| name(other) == name(one));
    let mut names = Names::default();
    for one in new {
        match in_list(old, one).and_then(|at| old.get(at)) {
            None => names.added.push(name(one).clone()),
            Some(before) if !is_same(before, one) => names.changed.push(name(one).clone()),
            Some(_) => {}
        }
    }
    let gone = old.iter().filter(|one| in_list(new, one).is_none());
    names.removed = gone.map(|one| name(one).clone()).collect();
    names
}

/// Takes everything apart, so that a new field cannot be forgotten here.
fn is_same_provider(one: (&Provider, &Snapshot), other: (&Provider, &Snapshot)) -> bool {
    let (
        Provider {
            adds_usage,
            auth_recheck,
            base_path,
            breaker,
            cooldown,
            demotes,
            dialect,
            drops_v1,
            endpoints,
            extra_ca,
            key_header,
            keys,
            max_concurrent,
            max_tokens_default,
            model_classes,
            name,
            origin,
            retry_on_5xx,
            select,
        },
        before,
    ) = one;
    let (provider, after) = other;
    *adds_usage == provider.adds_usage
        && *auth_recheck == provider.auth_recheck
        && *base_path == provider.base_path
        && *breaker == provider.breaker
        && *cooldown == provider.cooldown
        && *demotes == provider.demotes
        && *dialect == provider.dialect
        && *drops_v1 == provider.drops_v1
        && *endpoints == provider.endpoints
        && *extra_ca == provider.extra_ca
        && *key_header == provider.key_header
        && are_same(keys, &provider.keys, |a, b| is_same_key((a, before), (b, after)))
        && *max_concurrent == provider.max_concurrent
        && *max_tokens_default == provider.max_tokens_default
        && are_same(model_classes, &provider.model_classes, is_same_class)
        && *name == provider.name
        && *origin == provider.origin
        && *retry_on_5xx == provider.retry_on_5xx
        && *select == provider.select
}

/// The same under the same name in all but its value.
fn is_same_key(one: (&ProviderKey, &Snapshot), other: (&ProviderKey, &Snapshot)) -> bool {
    let (ProviderKey { hint: _, max_concurrent, name, reserved_for, value: _ }, before) = one;
    let (key, after) = other;
    let owners = |callers: &[usize], snapshot: &Snapshot| {
        let name = |&at: &usize| snapshot.callers.get(at).map(|caller| caller.name.clone());
        let mut owners: Vec<_> = callers.iter().map(name).collect();
        owners.sort_unstable();
        owners
    };
    *max_concurrent == key.max_concurrent
        && *name == key.name
        && owners(reserved_for, before) == owners(&key.reserved_for, after)
}

fn is_same_class(one: &ModelClass, other: &ModelClass) -> bool {
    let ModelClass { class, pattern } = one;
    *class == other.class && pattern.as_str() == other.pattern.as_str()
}

fn is_same_caller(one: &Caller, other: &Caller) -> bool {
    let Caller { key_sha256, max_concurrent, models, name } = one;
    *key_sha256 == other.key_sha256
        && *max_concurrent == other.max_concurrent
        && are_same(models, &other.models, |a, b| a.as_str() == b.as_str())
        && *name == other.name
}

fn are_same<T>(one: &[T], other: &[T], is_same: impl Fn(&T, &T) -> bool) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control_plane::reload::scene::loaded;

    const CALLERS: &str = "
[[caller]]
name = 'alice'
key.env = 'ALICE'
models = ['x']
[[caller]]
name = 'bob'
key.env = 'BOB'
";

    const PROVIDER: &str = "
[[provider]]
name = 'a'
dialect = 'openai'
base_url = 'http://h'
model_class = [{ match = 'x', class = 'y' }]
[[provider.key]]
value.env = 'KEY'
reserved_for = ['bob']
[[provider.key]]
value.env = 'KEY_2'
";

    fn between(old: &str, new: &str) -> Differences {
        let of = |written: &str| loaded(&format!("{CALLERS}{written}")).snapshot;
        Differences::between(&of(old), &of(new))
    }

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn the_same_file_differs_in_nothing() {
        assert_eq!(between(PROVIDER, PROVIDER), Differences::default());
        let before = format!("{PROVIDER}[timeouts]\nconnect = '1s'");
        assert_eq!(between(&before, PROVIDER), Differences::default(), "of providers");
    }

    #[test]
    fn providers_are_told_in_the_order_of_the_file() {
        let named = |name: &str| PROVIDER.replace("'a'", &format!("'{name}'"));
        let old = [named("gone"), named("a"), named("b")].concat();
        let new = [named("new-2"), named("b"), named("new-1"), named("a")].concat();
        let Differences { providers, .. } = between(&old, &new);
        let (added, removed) = (list(&["new-2", "new-1"]), list(&["gone"]));
        assert_eq!(providers, Names { added, changed: Vec::new(), removed });
    }

    #[test]
    fn any_setting_of_a_provider_or_of_its_keys_is_a_change_but_a_value() {
        let (first, second) = ("value.env = 'KEY'", "value.env = 'KEY_2'");
        for (from, to) in [
            ("'http://h'", "'http://i'"),
            ("'http://h'", "'http://h/v1'"),
            ("'http://h'", "'http://h'\nselect = 'affinity'"),
            ("'http://h'", "'http://h'\ncooldown.base = '1s'"),
            ("'http://h'", "'http://h'\nauth_recheck = 'off'"),
            ("'http://h'", "'http://h'\nretry_on_5xx = true"),
            ("'http://h'", "'http://h'\nmax_concurrent = 1"),
            ("'http://h'", "'http://h'\nmax_concurrent_per_key = 1"),
            ("'http://h'", "'http://h'\nkey_header = 'bearer'"),
            ("'http://h'", "'http://h'\ninclude_usage = 'on'"),
            ("'openai'", "'anthropic'"),
            ("class = 'y'", "class = 'z'"),
            ("match = 'x'", "match = 'z'"),
            (first, "value.env = 'KEY'\nname = 'other'"),
            (first, "value.env = 'KEY'\nmax_concurrent = 1"),
            ("['bob']", "['alice', 'bob']"),
        ] {
            let Differences { providers, .. } = between(PROVIDER, &PROVIDER.replace(from, to));
            assert_eq!(providers.changed, list(&["a"]), "{to}");
        }
        let swapped = PROVIDER.replace(first, "value.env = 'x'").replace(second, first);
        let swapped = swapped.replace("value.env = 'x'", second);
        assert_eq!(between(PROVIDER, &swapped), Differences::default(), "values only");
    }

    #[test]
    fn callers_are_told_and_may_stand_in_another_order() {
        let old = loaded(&format!("{CALLERS}{PROVIDER}")).snapshot;
        let turned = "
[[caller]]
name = 'bob'
key.env = 'BOB'
[[caller]]
name = 'alice'
key.env = 'ALICE'
models = ['x']
";
        let new = loaded(&format!("{turned}{PROVIDER}")).snapshot;
        assert_eq!(Differences::between(&old, &new), Differences::default());
        for (from, to, names) in [
            ("['x']", "['y']", Names { changed: list(&["alice"]), ..Names::default() }),
            (
                "'BOB'",
                "'BOB'\nmax_concurrent = 1",
                Names { changed: list(&["bob"]), ..Names::default() },
            ),
            ("'BOB'", "'KEY'", Names { changed: list(&["bob"]), ..Names::default() }),
        ] {
            let written = CALLERS.replace(from, to).replace("key.env = 'KEY'", "key = 'tg-other'");
            let new = loaded(&format!("{written}{PROVIDER}")).snapshot;
            assert_eq!(Differences::between(&old, &new).callers, names, "{to}");
        }
        let renamed = format!("{CALLERS}{PROVIDER}").replace("'bob'", "'carol'");
        let Differences { callers, providers, .. } =
            Differences::between(&old, &loaded(&renamed).snapshot);
        assert_eq!((callers.added, callers.removed), (list(&["carol"]), list(&["bob"])));
        assert_eq!(providers.changed, list(&["a"]), "a key is kept for somebody else");
    }
}
