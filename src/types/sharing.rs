//! Memory that the events of a page share.

use bytes::{Bytes, BytesMut};

use super::{EventName, InvalidEventName, InvalidStreamId, Metadata, StreamId};

/// The most names that are remembered.
const NAMES_MAX: usize = 16;
/// How large a buffer of payloads is.
const BUFFER_BYTES: usize = 8 << 10;

/// For backends: makes the parts of the events of one page, so that neighbours with the same stream, name or metadata
/// share the memory, and small payloads share a buffer.
///
/// Whoever keeps one small payload keeps its buffer, of 8 KiB.
///
/// ```
/// use freehold::{EventId, NewEvent, Sharing};
///
/// let mut sharing = Sharing::default();
/// let names = [sharing.name("Opened")?, sharing.name("Opened")?];
/// let stream = sharing.stream("account", "alice")?;
/// let event = NewEvent::new(EventId::new(uuid::Uuid::nil()), sharing.name("Opened")?, sharing.payload(b"{}"));
/// # assert_eq!((names[0].as_str(), stream.id(), &**event.data()), ("Opened", "alice", &b"{}"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Sharing {
    stream: Option<StreamId>,
    names: Vec<EventName>,
    metadata: Option<(Box<str>, Metadata)>,
    payloads: BytesMut,
}

impl Sharing {
    /// The stream `id` of `category`.
    ///
    /// # Errors
    /// [`InvalidStreamId`] as from [`StreamId::new`].
    pub fn stream(&mut self, category: &str, id: &str) -> Result<StreamId, InvalidStreamId> {
        match &self.stream {
            Some(last) if last.is(category, id) => Ok(last.clone()),
            _ => Ok(self.stream.insert(StreamId::new(category, id)?).clone()),
        }
    }

    /// The name `name`.
    ///
    /// # Errors
    /// [`InvalidEventName`] as from [`EventName::new`].
    pub fn name(&mut self, name: &str) -> Result<EventName, InvalidEventName> {
        if let Some(known) = self.names.iter().find(|known| known.as_str() == name) {
            return Ok(known.clone());
        }
        let name = EventName::new(name)?;
        if self.names.len() < NAMES_MAX {
            self.names.push(name.clone());
        }
        Ok(name)
    }

    /// The metadata that this JSON says; empty without it.
    ///
    /// # Errors
    /// What `serde_json` says if it is no metadata.
    pub fn metadata(&mut self, json: Option<&str>) -> serde_json::Result<Metadata> {
        let Some(json) = json else { return Ok(Metadata::default()) };
        if let Some((last, metadata)) = &self.metadata
            && **last == *json
        {
            return Ok(metadata.clone());
        }
        let metadata = Metadata::of_json(json)?;
        self.metadata = Some((json.into(), metadata.clone()));
        Ok(metadata)
    }

    /// The payload `data`.
    pub fn payload(&mut self, data: &[u8]) -> Bytes {
        if data.len() > BUFFER_BYTES / 4 {
            return Bytes::copy_from_slice(data);
        }
        if self.payloads.capacity() < data.len() {
            self.payloads = BytesMut::with_capacity(BUFFER_BYTES);
        }
        self.payloads.extend_from_slice(data);
        self.payloads.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_come_out_as_they_went_in() {
        let mut sharing = Sharing::default();
        let data: Vec<Vec<u8>> = (0..500_u32)
            .map(|n| vec![n.to_le_bytes()[0]; (n as usize * 37) % (BUFFER_BYTES / 3)])
            .collect();
        let payloads: Vec<Bytes> = data.iter().map(|data| sharing.payload(data)).collect();
        assert_eq!(payloads, data);
    }

    #[test]
    fn what_differs_is_told_apart() {
        let mut sharing = Sharing::default();
        for n in 0..40 {
            let name = format!("Name{}", n % 20);
            assert_eq!(sharing.name(&name).unwrap().as_str(), name);
            let id = format!("{}", n / 2);
            assert_eq!(sharing.stream("account", &id).unwrap().id(), id);
            let actor = format!(r#"{{"actor":"a{}"}}"#, n / 2);
            let metadata = sharing.metadata(Some(&actor)).unwrap();
            assert_eq!(metadata.actor(), Some(&*format!("a{}", n / 2)));
        }
        assert!(sharing.metadata(None).unwrap().is_empty());
        assert!(sharing.name("").is_err());
        assert!(sharing.stream("", "a").is_err());
        assert!(sharing.metadata(Some("{")).is_err());
    }
}
