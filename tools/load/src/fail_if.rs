//! Conditions such as `p99_ms > 20 or failed > 0`: parsed once, then asked of a report.
//!
//! Never passes for want of a value: what was not measured fails.

use crate::report::{Report, is_known};

/// A parsed condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    And(Box<Self>, Box<Self>),
    Compare { name: String, is: Relation, number: f64 },
    Or(Box<Self>, Box<Self>),
}

/// How a value stands to a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    Above,
    AtLeast,
    AtMost,
    Below,
    Equal,
    Unequal,
}

/// Why text is no condition, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// In characters, from 0.
    pub column: usize,
    pub why: String,
}

/// What a condition comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Judgement {
    /// Does not hold: all is well.
    Clear,
    /// Holds, because of these values.
    Holds(String),
    /// These names have no value in this report.
    Unknown(String),
}

impl Condition {
    /// Reads `NAME (>|>=|<|<=|==|!=) NUMBER`, joined by `and`, `or` and parentheses.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let mut parser = Parser { tokens: tokens(text)?, next: 0, end: text.chars().count() };
        let condition = parser.any()?;
        match parser.peek() {
            None => Ok(condition),
            Some(token) => Err(refused(token.column, "expected `and`, `or` or the end")),
        }
    }

    /// Asks `value_of` for each name.
    pub fn judge(&self, value_of: &dyn Fn(&str) -> Option<f64>) -> Judgement {
        match self {
            Self::And(one, other) => match (one.judge(value_of), other.judge(value_of)) {
                (Judgement::Clear, _) | (_, Judgement::Clear) => Judgement::Clear,
                (Judgement::Unknown(names), _) | (_, Judgement::Unknown(names)) => {
                    Judgement::Unknown(names)
                }
                (Judgement::Holds(one), Judgement::Holds(other)) => {
                    Judgement::Holds(format!("{one}, {other}"))
                }
            },
            Self::Or(one, other) => match (one.judge(value_of), other.judge(value_of)) {
                (Judgement::Holds(values), _) | (_, Judgement::Holds(values)) => {
                    Judgement::Holds(values)
                }
                (Judgement::Unknown(names), _) | (_, Judgement::Unknown(names)) => {
                    Judgement::Unknown(names)
                }
                (Judgement::Clear, Judgement::Clear) => Judgement::Clear,
            },
            Self::Compare { name, is, number } => match value_of(name) {
                None => Judgement::Unknown(name.clone()),
                Some(value) if is.holds(value, *number) => {
                    Judgement::Holds(format!("{name} is {value:.3}"))
                }
                Some(_) => Judgement::Clear,
            },
        }
    }

    /// Asks a report.
    pub fn judge_report(&self, report: &Report) -> Judgement {
        self.judge(&|name| report.value(name).ok())
    }
}

impl Refused {
    /// The text with a caret below the place.
    pub fn show(&self, text: &str) -> String {
        format!("{}\n  {text}\n  {}^", self.why, " ".repeat(self.column))
    }
}

impl Relation {
    #[expect(clippy::float_cmp, reason = "the user asks for exactly this, mostly of counts")]
    fn holds(self, value: f64, number: f64) -> bool {
        match self {
            Self::Above => value > number,
            Self::AtLeast => value >= number,
            Self::AtMost => value <= number,
            Self::Below => value < number,
            Self::Equal => value == number,
            Self::Unequal => value != number,
        }
    }
}

struct Token {
    column: usize,
    text: String,
}

struct Parser {
    end: usize,
    next: usize,
    tokens: Vec<Token>,
}

impl Parser {
    fn any(&mut self) -> Result<Condition, Refused> {
        let mut condition = self.all()?;
        while self.take_if(&["or", "||"]) {
            condition = Condition::Or(Box::new(condition), Box::new(self.all()?));
        }
        Ok(condition)
    }

    fn all(&mut self) -> Result<Condition, Refused> {
        let mut condition = self.one()?;
        while self.take_if(&["and", "&&"]) {
            condition = Condition::And(Box::new(condition), Box::new(self.one()?));
        }
        Ok(condition)
    }

    fn one(&mut self) -> Result<Condition, Refused> {
        if self.take_if(&["("]) {
            let condition = self.any()?;
            if !self.take_if(&[")"]) {
                return Err(refused(self.place(), "expected `)`"));
            }
            return Ok(condition);
        }
        let column = self.place();
        let name = self.take().ok_or_else(|| refused(column, "expected a name"))?;
        if is_known(&name).is_err() {
            return Err(refused(column, &format!("`{name}` is not the name of a value")));
        }
        let column = self.place();
        let is = match self.take().as_deref() {
            Some(">") => Relation::Above,
            Some(">=") => Relation::AtLeast,
            Some("<=") => Relation::AtMost,
            Some("<") => Relation::Below,
            Some("==" | "=") => Relation::Equal,
            Some("!=") => Relation::Unequal,
            _ => return Err(refused(column, "expected >, >=, <, <=, == or !=")),
        };
        let column = self.place();
        let number = self.take().and_then(|text| text.parse::<f64>().ok());
        let number = number.filter(|number| number.is_finite());
        let number = number.ok_or_else(|| refused(column, "expected a number"))?;
        Ok(Condition::Compare { name, is, number })
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn place(&self) -> usize {
        self.peek().map_or(self.end, |token| token.column)
    }

    fn take(&mut self) -> Option<String> {
        let text = self.peek()?.text.clone();
        self.next += 1;
        Some(text)
    }

    fn take_if(&mut self, wanted: &[&str]) -> bool {
        let is_it = self.peek().is_some_and(|token| wanted.contains(&&*token.text));
        self.next += usize::from(is_it);
        is_it
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, Refused> {
    let kind = |c: char| match c {
        c if c.is_whitespace() => Kind::Space,
        '(' | ')' => Kind::Single,
        '<' | '>' | '=' | '!' | '|' | '&' => Kind::Sign,
        c if c.is_ascii_alphanumeric() || "._-+".contains(c) => Kind::Word,
        _ => Kind::None,
    };
    let mut tokens: Vec<(Kind, Token)> = Vec::new();
    let mut joins = false;
    for (column, character) in text.chars().enumerate() {
        match kind(character) {
            Kind::None => {
                return Err(refused(column, &format!("`{character}` has no meaning here")));
            }
            Kind::Space => joins = false,
            kind => {
                match tokens.last_mut() {
                    Some((last, token)) if joins && *last == kind && kind != Kind::Single => {
                        token.text.push(character);
                    }
                    _ => tokens.push((kind, Token { column, text: character.to_string() })),
                }
                joins = true;
            }
        }
    }
    Ok(tokens.into_iter().map(|(_, token)| token).collect())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    None,
    Sign,
    Single,
    Space,
    Word,
}

fn refused(column: usize, why: &str) -> Refused {
    Refused { column, why: why.to_owned() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use super::*;

    fn holds(text: &str) -> Judgement {
        Condition::parse(text).unwrap().judge(&|name| match name {
            "p99_ms" => Some(21.5),
            "failed" => Some(0.0),
            "rps" => Some(1000.0),
            _ => None,
        })
    }

    #[test]
    fn conditions_hold_by_their_values() {
        for (text, expected) in [
            ("p99_ms > 20", true),
            ("p99_ms>20", true),
            ("p99_ms <= 21.5", true),
            ("p99_ms < 21.5", false),
            ("failed != 0", false),
            ("failed == 0", true),
            ("failed > 0 or p99_ms > 20", true),
            ("failed > 0 and p99_ms > 20", false),
            ("failed > 0 || (rps < 2e3 && p99_ms > 2)", true),
            ("failed > 0 and p99_ms > 2 or rps >= 1000", true),
            ("failed > 0 and (p99_ms > 2 or rps >= 1000)", false),
        ] {
            assert_eq!(matches!(holds(text), Judgement::Holds(_)), expected, "{text}");
        }
        assert_eq!(holds("p99_ms > 20"), Judgement::Holds("p99_ms is 21.500".to_owned()));
    }

    #[test]
    fn what_was_not_measured_is_never_clear() {
        let unknown = Judgement::Unknown("event_delay.p99_ms".to_owned());
        for text in [
            "event_delay.p99_ms > 1",
            "event_delay.p99_ms > 1 or failed > 0",
            "event_delay.p99_ms > 1 and rps > 0",
        ] {
            assert_eq!(holds(text), unknown, "{text}");
        }
        // The other side decides whatever the value would be.
        assert_eq!(holds("event_delay.p99_ms > 1 and failed > 0"), Judgement::Clear);
        assert!(matches!(holds("event_delay.p99_ms > 1 or rps > 0"), Judgement::Holds(_)));
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (text, column, why) in [
            ("", 0, "expected a name"),
            ("p98_ms > 1", 0, "`p98_ms` is not the name"),
            ("latncy.p99_ms > 1", 0, "`latncy.p99_ms`"),
            ("p99_ms", 6, "expected >"),
            ("p99_ms => 1", 7, "expected >"),
            ("p99_ms > x", 9, "expected a number"),
            ("p99_ms > inf", 9, "expected a number"),
            ("p99_ms > 1 failed", 11, "expected `and`"),
            ("(p99_ms > 1", 11, "expected `)`"),
            ("p99_ms > 1 or", 13, "expected a name"),
            ("p99_ms > 1%", 10, "`%` has no meaning"),
        ] {
            let refused = Condition::parse(text).unwrap_err();
            assert_eq!(refused.column, column, "{text}: {}", refused.why);
            assert!(refused.why.starts_with(why), "{text}: {}", refused.why);
        }
        let shown = Condition::parse("failed > x").unwrap_err().show("failed > x");
        assert_eq!(shown, "expected a number\n  failed > x\n           ^");
    }

    #[test]
    fn any_text_is_a_condition_or_a_mistake_never_a_panic() {
        let text = "(failed > 0 or p99_ms <= 2) and rps != 3";
        for cut in 0..text.len() {
            // Whatever it says, it says it without a panic.
            let _ = Condition::parse(text.get(..cut).unwrap());
            let _ = Condition::parse(text.get(cut..).unwrap());
        }
        assert!(Condition::parse(text).is_ok());
    }
}
