//! A name server in the hands of the test (RFC 1035, UDP only). Says what it is told to about every
//! name and type; never caches, never asks anybody.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::PATIENCE;

/// A running name server. Ends with the value.
#[derive(Debug)]
pub struct Dns {
    address: SocketAddr,
    questions: Receiver<String>,
    words: Sender<Says>,
}

/// What it says from now on.
#[derive(Clone, Debug)]
pub enum Says {
    /// These addresses, each to the question for its kind, for so many seconds.
    Addresses(Vec<IpAddr>, u32),
    /// That there is no such name.
    NoSuchName,
    /// Nothing.
    Nothing,
}

impl Dns {
    /// One that says this at first.
    pub fn start(first: Says) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let (words, heard) = channel();
        let (asked, questions) = channel();
        std::thread::spawn(move || {
            let (mut says, mut packet) = (first, [0; 1024]);
            while let Ok((len, from)) = socket.recv_from(&mut packet) {
                // What was told before the question came counts for its answer.
                says = heard.try_iter().last().unwrap_or(says);
                let Some(question) = Question::of(&packet[..len]) else { return };
                if asked.send(question.name.clone()).is_err() {
                    return;
                }
                if let Some(answer) = question.answer(&says) {
                    socket.send_to(&answer, from).unwrap();
                }
            }
        });
        Self { address, questions, words }
    }

    /// One that says that a name has these addresses, for no time at all.
    pub fn of(addresses: &[&str]) -> Self {
        Self::start(addresses_of(addresses))
    }

    /// Says this from the next question on.
    pub fn says(&self, words: Says) {
        self.words.send(words).unwrap();
    }

    /// Says these addresses from the next question on.
    pub fn moves_to(&self, addresses: &[&str]) {
        self.says(addresses_of(addresses));
    }

    /// Waits for a question that comes after all those that were waited for, and gives its name.
    pub fn question(&self) -> String {
        self.questions.recv_timeout(PATIENCE).unwrap()
    }

    /// Counts the questions that came meanwhile, and forgets them.
    pub fn asked(&self) -> usize {
        self.questions.try_iter().count()
    }

    /// What makes a gateway ask it.
    pub fn config(&self) -> String {
        format!("[dns]\nservers = [\"{}\"]\n[log]\nlevel = \"debug\"\n", self.address)
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        // No question: the thread ends.
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let _ended_already = socket.send_to(&[], self.address);
    }
}

fn addresses_of(addresses: &[&str]) -> Says {
    Says::Addresses(addresses.iter().map(|address| address.parse().unwrap()).collect(), 0)
}

/// The one question of a packet.
struct Question<'a> {
    id: [u8; 2],
    kind: [u8; 2],
    name: String,
    /// Name, type and class as they came.
    raw: &'a [u8],
}

impl<'a> Question<'a> {
    fn of(packet: &'a [u8]) -> Option<Self> {
        let (head, rest) = packet.split_at_checked(12)?;
        let (mut labels, mut at) = (Vec::new(), 0);
        while rest[at] > 0 {
            let end = at + 1 + usize::from(rest[at]);
            labels.push(String::from_utf8_lossy(&rest[at + 1..end]).to_lowercase());
            at = end;
        }
        let kind = [rest[at + 1], rest[at + 2]];
        Some(Self { id: [head[0], head[1]], kind, name: labels.join("."), raw: &rest[..at + 5] })
    }

    fn answer(&self, says: &Says) -> Option<Vec<u8>> {
        let (code, addresses, ttl) = match says {
            Says::Addresses(addresses, ttl) => (0, addresses.as_slice(), *ttl),
            Says::NoSuchName => (3, [].as_slice(), 0),
            Says::Nothing => return None,
        };
        let datas = addresses.iter().filter_map(|address| match (address, self.kind) {
            (IpAddr::V4(v4), [0, 1]) => Some(v4.octets().to_vec()),
            (IpAddr::V6(v6), [0, 28]) => Some(v6.octets().to_vec()),
            _ => None,
        });
        let datas: Vec<Vec<u8>> = datas.collect();
        // A response that is no truncated one, recursion wanted and available; one question.
        let mut packet = [self.id, [0x81, 0x80 | code], [0, 1]].concat();
        packet.extend([0, u8::try_from(datas.len()).unwrap(), 0, 0, 0, 0]);
        packet.extend(self.raw);
        for data in datas {
            // The name of the question, of its type, in the internet.
            packet.extend([0xc0, 12, self.kind[0], self.kind[1], 0, 1]);
            packet.extend(ttl.to_be_bytes());
            packet.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            packet.extend(data);
        }
        Some(packet)
    }
}
