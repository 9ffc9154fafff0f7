// Finds classes by what is typed: name, alias, group. Beginnings come first, then parts; only where there are neither,
// letters in the right order; only where there are none of these, what is nearly so.

export const MOST_SHOWN = 50;

// Entries with `name`, and perhaps `aliases` and `group`, made ready to be searched.
export function makeIndex(entries) {
  return entries.map((entry) => ({
    entry,
    name: plain(entry.name),
    others: (entry.aliases ?? []).map(plain),
    group: plain(entry.group ?? ""),
  }));
}

// The best entries for a query, at most `MOST_SHOWN`, each with the alias by which it was found, if it was.
export function search(index, query) {
  const words = plain(query).split(/\s+/).filter(Boolean);
  for (const cost of [costOfPart, costOfOrder, costOfTypos]) {
    const found = ranked(index, words, cost);
    if (found.length) return found.slice(0, MOST_SHOWN);
  }
  return [];
}

function ranked(index, words, cost) {
  const found = [];
  for (const one of index) {
    let total = 0;
    let alias = null;
    for (const word of words) {
      let best = cost(one.name, word);
      one.others.forEach((other, i) => {
        const here = cost(other, word) + 1.5;
        if (here < best) {
          best = here;
          alias = one.entry.aliases[i];
        }
      });
      if (one.group.includes(word)) best = Math.min(best, 5.5);
      total += best;
    }
    if (total < Infinity) found.push({ entry: one.entry, alias, total });
  }
  return found.sort((a, b) => a.total - b.total || a.entry.name.length - b.entry.name.length || compare(a, b));
}

function costOfPart(text, word) {
  if (text === word) return 0;
  if (text.startsWith(word)) return 1;
  const place = text.indexOf(word);
  if (place < 0) return Infinity;
  return /[\p{L}\p{N}]/u.test(text[place - 1]) ? 4 : 2;
}

function costOfOrder(text, word) {
  let place = -1;
  for (const letter of word) {
    place = text.indexOf(letter, place + 1);
    if (place < 0) return Infinity;
  }
  return costOfPart(text, word) < Infinity ? 1 : 7;
}

function costOfTypos(text, word) {
  const allowed = word.length >= 7 ? 2 : word.length >= 4 ? 1 : 0;
  let least = allowed + 1;
  for (const part of [text, ...text.split(/[^\p{L}\p{N}]+/u)]) least = Math.min(least, distanceToBeginning(part, word));
  return least <= allowed ? least : Infinity;
}

// Fewest letters to change, leave out, put in or swap until the word is how the text begins.
function distanceToBeginning(text, word) {
  let before = [];
  let row = Array.from({ length: text.length + 1 }, (_, j) => j);
  for (let i = 1; i <= word.length; i++) {
    const next = [i];
    for (let j = 1; j <= text.length; j++) {
      const isSame = word[i - 1] === text[j - 1];
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (isSame ? 0 : 1));
      if (i > 1 && j > 1 && word[i - 1] === text[j - 2] && word[i - 2] === text[j - 1]) {
        next[j] = Math.min(next[j], before[j - 2] + 1);
      }
    }
    [before, row] = [row, next];
  }
  return Math.min(...row);
}

function plain(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

function compare(a, b) {
  return a.entry.name < b.entry.name ? -1 : 1;
}
