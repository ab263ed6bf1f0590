//! Speaks to the shop's gateway, as little HTTP as that takes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Child;

use serde_json::Value;

use super::program;

/// A gateway that runs until this is dropped.
pub(super) struct Gateway {
    process: Child,
    address: String,
}

/// What it has answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: Value,
}

impl Gateway {
    pub(super) fn start(data: &str, options: &[&str]) -> Self {
        let args =
            [&["gateway", "--listen", "127.0.0.1:0", "--within", "120", "--data", data], options]
                .concat();
        let mut process = program::command(&args).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.strip_prefix("http://").and_then(|rest| rest.strip_suffix(" is open\n"));
        let address = address.unwrap_or_else(|| panic!("it says {line:?}")).to_owned();
        Self { process, address }
    }

    pub(super) fn get(&self, path: &str, session: Option<&str>) -> Answer {
        self.ask("GET", path, session, "")
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, None, &body.to_string())
    }

    fn ask(&self, method: &str, path: &str, session: Option<&str>, body: &str) -> Answer {
        let session = session.map(|text| format!("freehold-session: {text}\r\n"));
        let (session, length) = (session.unwrap_or_default(), body.len());
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {length}\r\n{session}\r\n{body}",
            self.address,
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        Answer::parse(&text)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Answer {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text:?}"));
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        };
        let body = serde_json::from_str(body).unwrap_or_else(|_| Value::from(body));
        Self { status, headers: lines.map(header).collect(), body }
    }

    /// The values of a header, in their order.
    pub(super) fn header(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| value.as_str()).collect()
    }
}
