//! HTTP on loopback as the tests' own servers speak it: one request read, one answer written.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

/// A request.
#[derive(Debug)]
pub struct HttpRequest {
    /// `GET`.
    pub method: String,
    /// Its path, without a query.
    pub path: String,
    /// Names in small letters.
    headers: Vec<(String, String)>,
    /// What came with it.
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// The next request of a connection; nothing where that is over.
    pub fn read(mut stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        let mut words = line.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?);
        let path = target.split('?').next().unwrap_or_default().to_owned();
        let mut request = Self { method, path, headers: Vec::new(), body: Vec::new() };
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let Some((name, value)) = header.trim().split_once(':') else { break };
            request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        if request.header("expect").is_some() {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
        }
        let length = request.header("content-length").map_or(Some(0), |text| text.parse().ok())?;
        request.body = vec![0; length];
        reader.read_exact(&mut request.body).ok()?;
        Some(request)
    }

    /// A header by its name in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Writes an answer: `200 OK` or the like, and a body. Nothing where whoever asked has gone.
pub fn answer_http(mut stream: &TcpStream, status: &str, body: &[u8]) -> Option<()> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).ok()
}
