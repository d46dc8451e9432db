use crate::NoteId;

/// A set of notes as a bitmap over their numbers: what filters hand from one index to the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoteSet {
    words: Vec<u64>,
    len: usize,
}

impl NoteSet {
    pub fn insert(&mut self, id: NoteId) -> bool {
        let Ok(number) = usize::try_from(id.0) else { return false };
        let (word, bit) = (number / 64, 1u64 << (number % 64));
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let fresh = self.words[word] & bit == 0;
        self.words[word] |= bit;
        self.len += usize::from(fresh);
        fresh
    }

    pub fn remove(&mut self, id: NoteId) -> bool {
        let Ok(number) = usize::try_from(id.0) else { return false };
        let Some(word) = self.words.get_mut(number / 64) else { return false };
        let bit = 1u64 << (number % 64);
        let held = *word & bit != 0;
        *word &= !bit;
        self.len -= usize::from(held);
        held
    }

    pub fn contains(&self, id: NoteId) -> bool {
        usize::try_from(id.0).is_ok_and(|number| {
            self.words.get(number / 64).is_some_and(|word| word & (1 << (number % 64)) != 0)
        })
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// In ascending order.
    pub fn iter(&self) -> impl Iterator<Item = NoteId> + '_ {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            (0..64)
                .filter(move |bit| word & (1u64 << bit) != 0)
                .map(move |bit| NoteId((index * 64 + bit) as i64))
        })
    }
}

impl FromIterator<NoteId> for NoteSet {
    fn from_iter<I: IntoIterator<Item = NoteId>>(ids: I) -> Self {
        let mut set = NoteSet::default();
        for id in ids {
            set.insert(id);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_inserted_in_order() {
        let mut set: NoteSet = [NoteId(70), NoteId(3), NoteId(3), NoteId(64)].into_iter().collect();
        assert_eq!(set.len(), 3);
        assert_eq!(set.iter().collect::<Vec<_>>(), [NoteId(3), NoteId(64), NoteId(70)]);
        assert!(set.remove(NoteId(64)) && !set.remove(NoteId(64)));
        assert!(!set.contains(NoteId(64)) && set.contains(NoteId(70)) && !set.contains(NoteId(-1)));
    }
}
