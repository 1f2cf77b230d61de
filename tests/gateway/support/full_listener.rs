//! A provider that neither accepts nor refuses. Never answers.

use socket2::{Domain, Socket, Type};

/// A listener whose queue is full, so that connecting to it hangs.
#[derive(Debug)]
pub struct FullListener {
    _fillers: Vec<Socket>,
    listener: Socket,
}

impl FullListener {
    /// Fills its queue.
    pub fn new() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
        listener.bind(&any.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let fill = |_| {
            let filler = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            filler.set_nonblocking(true).unwrap();
            // In progress for ever, or queued.
            let _pending = filler.connect(&address);
            filler
        };
        Self { _fillers: (0..4).map(fill).collect(), listener }
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap().as_socket().unwrap())
    }
}
