/** A believable small notebook to develop and test against. */
export interface SampleNote {
  title: string;
  notebook: string;
  tags: string[];
  daysAgo: number;
  kind?: string;
  pinned?: boolean;
  body: string;
}

export const sampleNotes: SampleNote[] = [
  {
    title: "Lease agreement 2024",
    notebook: "Home/Flat",
    tags: ["home/lease", "contract"],
    daysAgo: 12,
    kind: "pdf",
    body: `# Lease agreement

Between **Marta Lindqvist** (the landlord) and the tenants, for the flat on the second floor, Kirkeveien 14.

## Deposit

The deposit is three months' rent. It is held in a separate account and is returned by the landlord within 30 days of the tenant moving out, less the cost of any damage beyond fair wear.

## Notice

Three months, in writing, from the first of a month. See also [[Moving out]] and [[Landlord contact]].

## Repairs

Small repairs below 800 kr are the tenant's; everything else is the landlord's, who must be told without delay.`,
  },
  {
    title: "Moving out",
    notebook: "Home/Flat",
    tags: ["home/lease"],
    daysAgo: 3,
    body: `When we hand over the keys we get our money back within 30 days, if nothing is broken.

- [ ] Give notice before the first of March 📅 2026-12-01
- [ ] Book the cleaner due:2026-11-28
- [x] Photograph every room
- [ ] Read the meters and send a picture to the power company

What counts as damage is in [[Lease agreement 2024]]. #home/lease`,
  },
  {
    title: "Landlord contact",
    notebook: "Home/Flat",
    tags: ["home", "contact"],
    daysAgo: 240,
    body: `Marta Lindqvist, marta@example.org, evenings after six. The caretaker is Jon, ground floor. The deposit account number is in the [[Lease agreement 2024]].`,
  },
  {
    title: "Tax return 2025",
    notebook: "Money",
    tags: ["tax", "money/2025"],
    daysAgo: 30,
    body: `# Tax return 2025

Due **30 April**. What I need:

- [x] Wage statement
- [ ] Interest on the mortgage 📅 2026-04-10
- [ ] Donations: list from the bank 📅 2026-04-12
- [ ] Home office: square metres and days

| Item | 2024 | 2025 |
|---|---|---|
| Wage | 512,300 | 548,900 |
| Interest | 41,200 | 38,750 |
| Donations | 3,000 | 4,500 |

Last year's mistakes are in [[Tax return 2024]].`,
  },
  {
    title: "Tax return 2024",
    notebook: "Money",
    tags: ["tax", "money/2024"],
    daysAgo: 390,
    body: `Forgot the travel deduction; corrected it in June, and got 2,140 back. Keep the ferry receipts next time.`,
  },
  {
    title: "Insurance policies",
    notebook: "Money",
    tags: ["insurance"],
    daysAgo: 95,
    body: `Contents: 600,000, excess 4,000. Travel: included with the card. Bicycle: needs the frame number and a photo of the lock. The claim form is a PDF on their site.`,
  },
  {
    title: "Budget November",
    notebook: "Money",
    tags: ["money/2025"],
    daysAgo: 1,
    body: `Rent 14,500 · Food 6,200 · Power 1,150 · Train 897 · Saved 5,000.\n\n- [ ] Cancel the second streaming account 📅 2026-11-22\n- [ ] Move 5,000 to savings 📅 2026-11-25`,
  },
  {
    title: "Vector search, read with a pencil",
    notebook: "Research/Search",
    tags: ["research", "search/vectors"],
    daysAgo: 2,
    pinned: true,
    body: `# Vector search

An approximate index trades recall for speed. HNSW walks a graph of near neighbours; its cost is memory and slow deletes.

## Quantisation

Storing each dimension in one byte keeps recall@10 above 0.97 in my runs, if the best hundred are scored again with full vectors.

## Filters

A selective filter breaks graph search: most neighbours are thrown away. Below 1 % it is cheaper to score the survivors directly.

> "Approximate" is a promise about time, not an excuse about truth.

\`\`\`rust
fn similarity(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
\`\`\`

See [[BM25 in one page]] and [[Hybrid ranking]].`,
  },
  {
    title: "BM25 in one page",
    notebook: "Research/Search",
    tags: ["research", "search"],
    daysAgo: 8,
    body: `Term frequency saturates (k1), long documents are tamed (b), rare words weigh more (idf). Everything else is folklore. Defaults k1 = 1.2, b = 0.75 are hard to beat on notes.`,
  },
  {
    title: "Hybrid ranking",
    notebook: "Research/Search",
    tags: ["research", "search/vectors"],
    daysAgo: 6,
    body: `Fuse *scores*, not ranks: a rank forgets how good the first hit was. Normalise per query, weigh by how much the model knows of the language. Compare with [[BM25 in one page]].

- [ ] Measure nDCG on the mixed set
- [ ] Try weights 0.4 / 0.6`,
  },
  {
    title: "Reading list",
    notebook: "Reading",
    tags: ["books"],
    daysAgo: 5,
    body: `- [ ] The Summer Book, Tove Jansson
- [x] A Time of Gifts, Patrick Leigh Fermor
- [ ] How to Take Smart Notes
- [ ] The Rings of Saturn, W. G. Sebald
- [x] Walden`,
  },
  {
    title: "A Time of Gifts",
    notebook: "Reading",
    tags: ["books", "quotes"],
    daysAgo: 44,
    body: `He walked from the Hook of Holland to Constantinople at eighteen. The sentence about the frozen Rhine is worth the whole book. Sleeping in barns, then in castles, in the same week.`,
  },
  {
    title: "Commonplace books",
    notebook: "Reading",
    tags: ["books", "history"],
    daysAgo: 60,
    body: `Locke's method of 1706: an index of two pages, first letter and first vowel, so that any heading can be found again without leafing. The point was never to copy, but to find.`,
  },
  {
    title: "Sourdough",
    notebook: "Home/Kitchen",
    tags: ["recipes", "recipes/bread"],
    daysAgo: 18,
    body: `450 g flour, 330 g water, 90 g starter, 9 g salt.

1. Mix flour and water, rest 40 minutes.
2. Starter and salt; fold four times over two hours.
3. Shape, then overnight in the fridge.
4. Oven at 250 °C with the lid on for 20 minutes, off for 22.

Wet hands. Less flour on the bench than you think.`,
  },
  {
    title: "Grandmother's cardamom buns",
    notebook: "Home/Kitchen",
    tags: ["recipes", "family"],
    daysAgo: 130,
    body: `Coarse cardamom, freshly ground, twice what the card says. 5 dl milk, 150 g butter, 50 g yeast, 1½ dl sugar, about 13 dl flour. Baked at 225 °C for eight minutes.`,
  },
  {
    title: "Weeknight dal",
    notebook: "Home/Kitchen",
    tags: ["recipes"],
    daysAgo: 75,
    body: `Red lentils, turmeric, a tin of tomatoes. Temper cumin, mustard seed and garlic in ghee and pour over at the end. Freezes well.`,
  },
  {
    title: "Garden: what went where",
    notebook: "Home/Garden",
    tags: ["garden"],
    daysAgo: 52,
    body: `Bed 1: broad beans, then leeks. Bed 2: potatoes (Asterix), blight in August. Bed 3: kale, netted too late. Next year: rotate clockwise.

- [ ] Order garlic 📅 2026-11-30
- [ ] Cut back the raspberries`,
  },
  {
    title: "Bicycle service log",
    notebook: "Home",
    tags: ["bicycle"],
    daysAgo: 21,
    body: `Frame number WTU 118 G 4402. New chain at 4,100 km; cassette still good. Rear pads down to 1.5 mm, replace before winter.\n\n- [ ] Studded tyres on 📅 2026-11-24`,
  },
  {
    title: "Passport and ID",
    notebook: "Home",
    tags: ["documents"],
    daysAgo: 300,
    body: `The passport runs out on 2027-08-19. Renewal takes six weeks in spring. Photos from the machine in the library are accepted.`,
  },
  {
    title: "Meeting: launch plan",
    notebook: "Work/Launch",
    tags: ["work", "meeting"],
    daysAgo: 0,
    pinned: true,
    body: `# Launch plan

Present: Ana, Tobias, me.

- We ship when the installer is signed on three systems, not on a date.
- Ana writes the page; Tobias the notes for packagers.
- Nobody promises sync.

## Actions

- [ ] Write the privacy page: what leaves the machine (nothing) 📅 2026-11-22
- [ ] Ask Tobias about the ARM build 📅 2026-11-26
- [x] Book the room

#work/launch`,
  },
  {
    title: "Packaging on Linux",
    notebook: "Work/Launch",
    tags: ["work", "linux"],
    daysAgo: 4,
    body: `AppImage for most, deb for some, Flatpak later because of the portal for global shortcuts. WebKitGTK 2.46 or newer; older ones lose the caret in long documents.`,
  },
  {
    title: "Interview notes: how people file things",
    notebook: "Work/Research",
    tags: ["work", "interviews"],
    daysAgo: 33,
    body: `P3 has 14 folders named "misc". P5 searches mail instead of her own notes. P7: "I know I wrote it down, I just don't know which word I used." That sentence is the whole product.`,
  },
  {
    title: "Quarterly review",
    notebook: "Work",
    tags: ["work"],
    daysAgo: 48,
    body: `Went well: search is under ten milliseconds. Went badly: three weeks lost on fonts. Next: import from the old app without losing attachments.`,
  },
  {
    title: "Expense claim, Lisbon",
    notebook: "Work",
    tags: ["work", "travel"],
    daysAgo: 27,
    kind: "pdf",
    body: `Flight 2,310; hotel three nights 4,050; train to Sintra 9 EUR. Receipts attached. Submit before the end of the month.\n\n- [ ] Submit the claim 📅 2026-11-20`,
  },
  {
    title: "Lisbon in November",
    notebook: "Travel",
    tags: ["travel", "portugal"],
    daysAgo: 28,
    body: `Tram 28 early or not at all. The tile museum is worth two hours. Pastéis at Manteigaria standing up. Rain on the third day: the Gulbenkian.`,
  },
  {
    title: "Über die Alpen",
    notebook: "Travel",
    tags: ["travel", "deutsch"],
    daysAgo: 200,
    body: `Von München nach Verona zu Fuß: 28 Tage, 22 000 Höhenmeter. Die Hütten im August früh reservieren. Gewitter kommen nachmittags, also vor sechs los.`,
  },
  {
    title: "京都の紅葉",
    notebook: "Travel",
    tags: ["travel", "日本"],
    daysAgo: 365,
    body: `永観堂は夕方のライトアップが美しい。東福寺は朝八時に着くこと。宿は祇園の近く、静かな路地。`,
  },
  {
    title: "Packing list",
    notebook: "Travel",
    tags: ["travel", "lists"],
    daysAgo: 29,
    body: `- [ ] Passport\n- [ ] Charger and adapter\n- [ ] Rain jacket\n- [ ] Two books, one of them short`,
  },
  {
    title: "Sleep",
    notebook: "Health",
    tags: ["health"],
    daysAgo: 14,
    body: `Six and a half hours is not enough, whatever I tell myself. No screens after ten helped; magnesium did not. Up at the same time on Saturdays.`,
  },
  {
    title: "Physio exercises",
    notebook: "Health",
    tags: ["health"],
    daysAgo: 40,
    body: `Calf raises 3 × 15, slow. Nordic hamstring twice a week. Stop if the tendon hurts the next morning, not during.`,
  },
  {
    title: "Vaccinations",
    notebook: "Health",
    tags: ["health", "documents"],
    daysAgo: 410,
    kind: "pdf",
    body: `Tetanus 2019, valid to 2029. Tick-borne encephalitis: third shot due in spring.\n\n- [ ] Book the third TBE shot 📅 2027-03-01`,
  },
  {
    title: "Rust: lifetimes I keep forgetting",
    notebook: "Research/Code",
    tags: ["rust", "code"],
    daysAgo: 9,
    body: `An \`impl Trait\` in return position captures every lifetime in scope since the 2024 edition; write \`use<>\` to say otherwise.\n\n\`\`\`rust\nfn words(text: &str) -> impl Iterator<Item = &str> + use<'_> {\n    text.split_whitespace()\n}\n\`\`\``,
  },
  {
    title: "SQLite durability",
    notebook: "Research/Code",
    tags: ["sqlite", "code"],
    daysAgo: 11,
    body: `WAL with synchronous=FULL: a commit is on disk when it returns. NORMAL may lose the last ones in a power cut, though never the file. Checkpoints are where the latency hides.`,
  },
  {
    title: "Shell one-liners",
    notebook: "Research/Code",
    tags: ["code", "shell"],
    daysAgo: 70,
    body: `\`\`\`sh\nfd -e md | xargs rg -c 'draft' | sort -t: -k2 -n\n\`\`\`\nBatch-rename with \`rename\`, dry run first, always.`,
  },
  {
    title: "Gift ideas",
    notebook: "",
    tags: ["family", "lists"],
    daysAgo: 16,
    body: `Mum: the good secateurs. Dad: a proper bread knife, or an evening. Ida: watercolours, the small tin.\n\n- [ ] Order secateurs 📅 2026-12-05`,
  },
  {
    title: "2026-11-22",
    notebook: "Journal",
    tags: ["journal"],
    daysAgo: 0,
    body: `Fog until noon. Finished the launch plan with Ana and Tobias ([[Meeting: launch plan]]). Made dal; the cumin was stale.\n\n- [ ] Call the landlord about the radiator`,
  },
  {
    title: "2026-11-21",
    notebook: "Journal",
    tags: ["journal"],
    daysAgo: 1,
    body: `Walked round the lake. An idea for the import screen: show what was skipped first, nobody trusts a green tick alone.`,
  },
  {
    title: "Ideas, unsorted",
    notebook: "",
    tags: ["ideas"],
    daysAgo: 7,
    body: `- A search box that never says "no".\n- Notes that know which other notes disagree with them.\n- Print one note a day and leave it on the table.`,
  },
  {
    title: "Letter to the housing board",
    notebook: "Home/Flat",
    tags: ["home", "letters"],
    daysAgo: 80,
    kind: "docx",
    body: `Dear board, the radiator in the stairwell has been cold since September. The landlord has been told twice. We ask that rent be reduced until the heating works.`,
  },
  {
    title: "Words I like",
    notebook: "Reading",
    tags: ["quotes"],
    daysAgo: 150,
    body: `Petrichor, susurrus, gökotta (to wake at dawn to hear the first birds), hiraeth, 木漏れ日.`,
  },
];
