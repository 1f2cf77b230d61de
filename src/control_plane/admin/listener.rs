//! Connections to the admin API: bounded in number, and none is waited for longer than it takes. So
//! whoever opens many and says nothing, or little, costs a bounded number of places for a bounded
//! time. Never looks at what they say.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// A listener whose connections are bounded.
#[derive(Debug)]
pub(super) struct Bounded {
    places: Arc<Semaphore>,
    tcp: TcpListener,
}

/// A connection in its place. Ends when it has taken too long: to its first answer, or since the
/// last part of one went out.
#[derive(Debug)]
pub(super) struct Client<S> {
    deadline: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
    stream: S,
}

impl Bounded {
    pub fn new(tcp: TcpListener) -> Self {
        Self { places: Arc::new(Semaphore::new(CONNECTIONS_MAX)), tcp }
    }
}

impl Listener for Bounded {
    type Io = Client<TcpStream>;
    type Addr = SocketAddr;

    /// Those beyond wait in the kernel's queue.
    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        // Nobody closes the semaphore; without a place there would be no bound, but an answer.
        let place = self.places.clone().acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.tcp).await;
        (Client::new(stream, place), address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

impl<S> Client<S> {
    fn new(stream: S, place: Option<OwnedSemaphorePermit>) -> Self {
        Self { deadline: Box::pin(sleep(FIRST)), _place: place, stream }
    }

    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.deadline.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Client<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // What trickles in is no reason to wait longer.
        self.check(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Client<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if written.is_ready() {
            self.deadline.as_mut().reset(Instant::now() + NEXT);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The live tail alone has 16.
const CONNECTIONS_MAX: usize = 128;
/// From the connection to the first byte of its first answer.
const FIRST: Duration = Duration::from_secs(10);
/// From a part of an answer to the next; the live tail writes every 15 s, scrapers come back within
/// a minute.
const NEXT: Duration = Duration::from_secs(75);

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    fn paused<F: Future>(test: F) -> F::Output {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_time().start_paused(true).build().expect("a runtime");
        runtime.block_on(test)
    }

    fn pair() -> (Client<DuplexStream>, DuplexStream) {
        let (near, far) = duplex(8);
        (Client::new(near, None), far)
    }

    #[test]
    fn who_says_nothing_is_let_go() {
        paused(async {
            let (mut client, _far) = pair();
            let began = Instant::now();
            let read = client.read(&mut [0; 9]).await;
            assert_eq!(read.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
            assert_eq!(began.elapsed().as_secs(), FIRST.as_secs());
        });
    }

    #[test]
    fn who_says_a_byte_now_and_then_is_let_go_too() {
        paused(async {
            let (mut client, mut far) = pair();
            tokio::spawn(async move {
                loop {
                    sleep(Duration::from_secs(1)).await;
                    // Nobody reads at the end.
                    let _gone = far.write_all(b"x").await;
                }
            });
            let began = Instant::now();
            let mut read = 0;
            let error = loop {
                match client.read(&mut [0; 1]).await {
                    Ok(count) => read += count,
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert!(read >= 9 && began.elapsed() < FIRST * 2, "{read} bytes");
        });
    }

    #[test]
    fn an_answer_gives_time_for_the_next_question_and_a_reader_that_stalls_gets_none() {
        paused(async {
            let (mut client, mut far) = pair();
            sleep(FIRST / 2).await;
            client.write_all(b"answer").await.expect("there is time");
            sleep(FIRST).await;
            far.write_all(b"again").await.expect("it is there");
            assert_eq!(client.read(&mut [0; 9]).await.expect("there is time"), 5);
            let stalled = client.write_all(&[0; 99]).await;
            assert_eq!(stalled.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
        });
    }
}
