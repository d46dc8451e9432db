//! Languages of notes: which one a text is in, its stop words and its stems.

use std::sync::LazyLock;

use frostem::{Algorithm, Stemmer};
use rustc_hash::FxHashMap;

use crate::analysis::fold_form;

/// Remembered stems per language: two megabytes at most.
const MAX_STEMS: usize = 24_576;
/// Shorter words are their own stems.
const MIN_STEMMED_BYTES: usize = 3;

/// A language with a stemmer: an index into [`LANGUAGES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Language(u8);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Script {
    Latin,
    Cyrillic,
    Greek,
    Arabic,
    Devanagari,
    Tamil,
    Other,
}

struct Entry {
    code: &'static str,
    algorithm: Algorithm,
    script: Script,
    whatlang: whatlang::Lang,
    /// Words that carry grammar rather than meaning; also what tells the language of a text.
    stop_words: &'static str,
}

/// A set of languages, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Languages(pub(crate) u32);

impl Languages {
    pub(crate) const ALL: Languages = Languages(u32::MAX);

    pub(crate) fn insert(&mut self, language: Language) {
        self.0 |= 1 << language.0;
    }

    pub(crate) fn contains(self, language: Language) -> bool {
        self.0 & (1 << language.0) != 0
    }

    pub(crate) fn union(self, other: Languages) -> Languages {
        Languages(self.0 | other.0)
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Language> {
        (0..LANGUAGES.len() as u8).map(Language).filter(move |&language| self.contains(language))
    }
}

impl Language {
    pub(crate) const ENGLISH: Language = Language(0);

    pub(crate) fn all() -> impl Iterator<Item = Language> {
        (0..LANGUAGES.len() as u8).map(Language)
    }

    pub(crate) fn code(self) -> &'static str {
        LANGUAGES[usize::from(self.0)].code
    }

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    fn script(self) -> Script {
        LANGUAGES[usize::from(self.0)].script
    }

    fn of_whatlang(lang: whatlang::Lang) -> Option<Language> {
        LANGUAGES.iter().position(|entry| entry.whatlang == lang).map(|at| Language(at as u8))
    }
}

/// In which languages a word is a stop word, written with its accents or without any.
pub(crate) fn stop_word_languages(word: &str) -> Languages {
    static WORDS: LazyLock<FxHashMap<String, Languages>> = LazyLock::new(|| {
        let mut words: FxHashMap<String, Languages> = FxHashMap::default();
        for language in Language::all() {
            for word in LANGUAGES[usize::from(language.0)].stop_words.split_whitespace() {
                words.entry(fold_form(word).into_string()).or_default().insert(language);
                words.entry(word.to_owned()).or_default().insert(language);
            }
        }
        words
    });
    // The longest stop word in the lists has 24 bytes.
    if word.len() > 24 {
        return Languages::default();
    }
    WORDS.get(word).copied().unwrap_or_default()
}

/// Whether a word of a script without spaces carries grammar rather than meaning: particles,
/// endings, question words. A single Hiragana is always one.
pub(crate) fn is_dense_stop_word(word: &str) -> bool {
    static WORDS: LazyLock<rustc_hash::FxHashSet<&str>> =
        LazyLock::new(|| DENSE_STOP_WORDS.split_whitespace().collect());
    let mut chars = word.chars();
    let lone = matches!((chars.next(), chars.next()), (Some('\u{3041}'..='\u{3096}'), None));
    lone || WORDS.contains(word)
}

/// Japanese, Chinese, Korean, Thai.
const DENSE_STOP_WORDS: &str = "
    あの あり ある いう いた いつ いつの いる から くらい けど こと この これ さん され した したら して
    しまう する せる そう その それ ため たち だけ だれ だろう でき できる です でした でしょう では でも
    という といった とき ところ として どう どこ どちら どの どのよう どれ どんな なお なか ながら など なぜ
    なに なら なり なる なん なの について にて によって により には のは ので のに はず ほど ます ました
    ません まで また または まで もう もの やすい よう より よって られ られる れる わけ ください でし まし
    まで へと への いくつ いくら 何 何故 誰 時 等 的 事 為 者 頃
    了 是 在 和 与 及 或 也 都 就 而 而且 但 但是 被 把 对 对于 从 到 由 于 以 以及 之 其 这 那 这个 那个
    这些 那些 它 他 她 我 你 他们 我们 什么 甚么 谁 哪 哪个 哪些 哪里 怎么 怎样 如何 为什么 多少 几 吗 呢
    吧 啊 着 过 地 得 有 不 個 个 們 们 這 什麼 誰 哪裡 為什麼 嗎 對 從 與
    은 는 이 가 을 를 의 에 와 과 도 로 및 것 수 무엇 어디 언제 누구 어떤 어느 왜 그 이것 저것
    คือ อะไร ไหน ที่ไหน ใคร เมื่อไร เมื่อไหร่ ของ ใน ที่ และ เป็น มี การ ความ ได้ ให้ จะ ไม่ กับ แต่ หรือ
    จาก โดย ว่า นี้ นั้น ซึ่ง ก็ แล้ว อยู่ อย่าง อย่างไร ทำไม เท่าไร
";

/// The languages of one text: for each script the one whose rules its words follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextLanguage {
    latin: Option<Language>,
    cyrillic: Option<Language>,
}

impl Default for TextLanguage {
    fn default() -> Self {
        TextLanguage {
            latin: Some(Language::ENGLISH),
            cyrillic: Language::of_whatlang(whatlang::Lang::Rus),
        }
    }
}

impl TextLanguage {
    /// Tells the language by its stop words, and by letter statistics where those say nothing.
    /// `marks`: for each word, in which languages it is a stop word. English unless sure.
    pub(crate) fn detect(text: &str, marks: impl Iterator<Item = Languages>) -> TextLanguage {
        /// Enough for any text; keeps long notes cheap.
        const WORDS: usize = 400;
        let mut counts = [0u32; LANGUAGES.len()];
        let mut words = 0u32;
        for mark in marks.take(WORDS) {
            words += 1;
            let mut bits = mark.0;
            while bits != 0 {
                counts[bits.trailing_zeros() as usize] += 1;
                bits &= bits - 1;
            }
        }
        let mut found = TextLanguage::default();
        let of_script =
            |script: Script| Language::all().filter(move |language| language.script() == script);
        let (mut best, mut best_count, mut second) = (Language::ENGLISH, 0, 0);
        for language in of_script(Script::Latin) {
            let count = counts[usize::from(language.0)];
            if count > best_count {
                (best, best_count, second) = (language, count, best_count);
            } else if count > second {
                second = count;
            }
        }
        // A fifth of running text are stop words; in lists and commands they are fewer, but then
        // hardly any other language has as many.
        let told = best_count >= 2
            && best_count > second
            && (best_count * 6 >= words || (best_count >= 3 && best_count * 2 >= second * 3));
        if told {
            found.latin = Some(best);
        } else if let Some(language) = detect_by_letters(text) {
            match language {
                Ok(language) if language.script() == Script::Latin => found.latin = Some(language),
                Err(Script::Latin) => found.latin = None,
                Err(Script::Cyrillic) => found.cyrillic = None,
                _ => {}
            }
        }
        found
    }

    /// By whose rules to stem a word.
    pub(crate) fn of_word(self, word: &str) -> Option<Language> {
        match script_of(word) {
            Script::Latin => self.latin,
            Script::Cyrillic => self.cyrillic,
            Script::Other => None,
            script => Language::all().find(|language| language.script() == script),
        }
    }

    /// Those of `present` that this text may be in.
    pub(crate) fn narrow(self, present: Languages) -> Languages {
        let mut narrowed = Languages::default();
        for language in present.iter() {
            let kept = match language.script() {
                Script::Latin => self.latin == Some(language),
                Script::Cyrillic => self.cyrillic == Some(language),
                _ => true,
            };
            if kept {
                narrowed.insert(language);
            }
        }
        narrowed
    }

    /// Whether a word with these marks is a stop word here.
    pub(crate) fn is_stop_word(self, mark: Languages) -> bool {
        mark.0 != 0
            && (self.latin.is_some_and(|language| mark.contains(language))
                || mark.iter().any(|language| language.script() != Script::Latin))
    }
}

/// `Err` is the script of a language without a stemmer.
fn detect_by_letters(text: &str) -> Option<Result<Language, Script>> {
    /// Below this many bytes letter statistics guess; above the sample they learn nothing more.
    const MIN: usize = 80;
    const SAMPLE: usize = 320;
    /// What a text must have to be taken for something that cannot be stemmed.
    const SURE: usize = 200;
    let sample = &text[..text.floor_char_boundary(SAMPLE)];
    if sample.len() < MIN {
        return None;
    }
    let (mut latin, mut cyrillic, mut others) = (0, 0, 0);
    for c in sample.chars() {
        match c {
            'A'..='Z' | 'a'..='z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => latin += 1,
            '\u{400}'..='\u{52f}' => cyrillic += 1,
            '\u{370}'..='\u{3ff}' | '\u{530}'..='\u{1dff}' | '\u{2e80}'.. => others += 1,
            _ => {}
        }
    }
    // Names and commands in a text of another script say nothing of a language.
    if others * 5 > latin {
        return None;
    }
    if cyrillic * 5 > latin {
        let is_cyrillic = |c: &char| matches!(c, '\u{400}'..='\u{52f}' | ' ');
        let words: String = sample.chars().filter(is_cyrillic).collect();
        let info = whatlang::detect(&words).filter(whatlang::Info::is_reliable)?;
        let foreign = cyrillic * 2 >= MIN && Language::of_whatlang(info.lang()).is_none();
        return foreign.then_some(Err(Script::Cyrillic));
    }
    let info = whatlang::detect(sample).filter(whatlang::Info::is_reliable)?;
    match (Language::of_whatlang(info.lang()), info.script()) {
        (Some(language), _) => Some(Ok(language)),
        (None, whatlang::Script::Latin) if sample.len() >= SURE => Some(Err(Script::Latin)),
        _ => None,
    }
}

/// What the language of a text is called in English, if its letters tell and it is none of `known` (ISO
/// 639-1 codes).
pub fn foreign_language(text: &str, known: &[&str]) -> Option<&'static str> {
    /// Enough to tell; more costs time.
    const SAMPLE: usize = 2048;
    let sample = &text[..text.floor_char_boundary(SAMPLE)];
    let info = whatlang::detect(sample)?;
    let code = Language::of_whatlang(info.lang()).map(Language::code);
    // Another script is another language, even where neighbours that share it are hard to tell apart.
    let told = info.is_reliable() || !is_written_in(sample, known);
    if !told || code.is_some_and(|code| known.contains(&code)) {
        return None;
    }
    Some(match info.lang() {
        whatlang::Lang::Cmn => "Chinese",
        lang => lang.eng_name(),
    })
}

fn script_of(word: &str) -> Script {
    match word.chars().next().unwrap_or(' ') {
        'a'..='z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => Script::Latin,
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Script::Greek,
        '\u{400}'..='\u{52f}' => Script::Cyrillic,
        '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' => Script::Arabic,
        '\u{900}'..='\u{97f}' => Script::Devanagari,
        '\u{b80}'..='\u{bff}' => Script::Tamil,
        _ => Script::Other,
    }
}

/// Whether most letters of a text are of a script that one of the languages (ISO 639-1 codes) is
/// written in; true where that cannot be told.
pub fn is_written_in(text: &str, languages: &[&str]) -> bool {
    let script_of_code =
        |code: &&str| LANGUAGES.iter().find(|entry| entry.code == *code).map(|entry| entry.script);
    let Some(scripts) = languages.iter().map(script_of_code).collect::<Option<Vec<Script>>>()
    else {
        return true;
    };
    let lower = text.to_lowercase();
    let mut letters = [0usize; 2];
    let mut buffer = [0; 4];
    for letter in lower.chars().filter(|c| c.is_alphabetic()) {
        let known = scripts.contains(&script_of(letter.encode_utf8(&mut buffer)));
        letters[usize::from(known)] += 1;
    }
    letters[1] >= letters[0]
}

/// The languages of an index by whose rules a query word may be stemmed.
pub(crate) fn stemming_languages(word: &str, present: Languages) -> impl Iterator<Item = Language> {
    let script = script_of(word);
    present.iter().filter(move |language| language.script() == script)
}

/// Stems words and remembers them.
#[derive(Default)]
pub(crate) struct Stems {
    known: FxHashMap<Language, FxHashMap<Box<str>, Box<str>>>,
}

impl Stems {
    /// The folded stem of a word in lower case; words with digits are their own stems.
    pub(crate) fn stem<'a>(&'a mut self, language: Language, lower: &'a str) -> &'a str {
        let plain =
            lower.len() < MIN_STEMMED_BYTES || lower.bytes().any(|byte| byte.is_ascii_digit());
        if plain && lower.is_ascii() {
            return lower;
        }
        let known = self.known.entry(language).or_default();
        if known.len() >= MAX_STEMS {
            known.clear();
        }
        if !known.contains_key(lower) {
            let folded = fold_form(lower);
            let stem = if plain {
                folded
            } else {
                let stemmer = Stemmer::new(LANGUAGES[language.index()].algorithm);
                let stem = fold_form(&stemmer.stem(lower));
                if stem.is_empty() { folded } else { stem }
            };
            known.insert(lower.into(), stem);
        }
        &known[lower]
    }
}

macro_rules! languages {
    ($($code:literal $algorithm:ident $script:ident $whatlang:ident $words:literal)*) => {
        [$(Entry {
            code: $code,
            algorithm: Algorithm::$algorithm,
            script: Script::$script,
            whatlang: whatlang::Lang::$whatlang,
            stop_words: $words,
        }),*]
    };
}

static LANGUAGES: [Entry; 23] = languages! {
    "en" English Latin Eng
    "a about above after again against all also am an and any are as at be because been before being
     below between both but by can could did do does doing down during each either few for from
     further had has have having he her here hers him his how i if in into is it its itself just me
     more most my no nor not of off on once only or other our ours out over own same she should so
     some such than that the their theirs them then there these they this those through to too under
     until up very was we were what when where which while who whom whose why will with would you
     your yours t d ll m re ve"
    "de" German Latin Deu
    "aber alle als also am an auch auf aus bei bin bis bist da damit dann das dass dein dem den der
     des dich die dies diese diesem diesen dieser dieses dir doch du durch ein eine einem einen einer
     eines er es etwas euch für gegen hab habe haben hat hatte hier ich ihm ihn ihr ihre ihrem ihren
     im in ist ja kann kein keine können man mein mich mir mit nach nicht noch nun nur ob oder ohne
     sehr sein seine seinem seinen sich sie sind so über um und uns unser unter vom von vor wann war
     waren warum was weil welche welcher welches wenn wer werden wie wieder wir wird wirst wo wurde
     wurden zu zum zur zwischen"
    "fr" French Latin Fra
    "à ai au aux avec avait c ce ces cet cette comme d dans de des du elle elles en entre est et eu
     été être fait il ils j je l la le les leur leurs lui m ma mais me même mes moi mon n ne nos notre
     nous on ont ou où par pas peut plus pour qu quand que quel quelle quelles quels qui quoi s sa
     sans se ses si son sont sous sur t ta te tes toi ton tous tout toute tu un une vos votre vous y"
    "es" Spanish Latin Spa
    "a al algo ante antes como con contra cual cuando de del desde donde dos e el él ella ellas ellos
     en entre era eran eres es esa ese eso esta está estas este esto estos están fue fueron ha hace
     había hasta hay la las le les lo los más me mi mis mucho muy nada ni no nos o os para pero poco
     por porque qué que quien quién se sea ser si sí sin sobre son su sus también te tiene todo todos
     tu tus un una uno unos y ya yo cuál cuáles cómo dónde cuándo"
    "it" Italian Latin Ita
    "a ad al alla alle agli ai anche avere che chi ci come con cui da dal dalla dalle dei del della
     delle degli di dove e è ed era essere gli ha hanno ho i il in io l la le lei lo loro lui ma mi
     mia mio ne nei nel nella nelle negli noi non nostro o per perché più quale quali quando quanto
     quella quello questa queste questi questo se sei si sia sono su sua sue sugli sui sul sulla suo
     suoi ti tra tu tutti tutto un una uno vi voi cosa"
    "pt" Portuguese Latin Por
    "a ao aos as até com como da das de dela dele deles depois do dos e é ela elas ele eles em entre
     era eram essa esse esta está este eu foi foram há isso isto já lhe mais mas me mesmo meu minha
     muito na não nas nem no nos nós nossa o os ou para pela pelas pelo pelos por porque qual quais
     quando que quem são se sem ser seu seus só sua suas também te tem têm um uma umas uns você onde"
    "nl" Dutch Latin Nld
    "aan al alles als altijd andere ben bij daar dan dat de der deze die dit doch doen door dus een
     eens en er ge geen geweest haar had heb hebben heeft hem het hier hij hoe hun iemand iets ik in
     is ja je kan kon kunnen maar me meer men met mij mijn moet na naar niet niets nog nu of om omdat
     ons ook op over te tegen toch toen tot u uit uw van veel voor want waren was wat werd wezen wie
     wij wil worden wordt zal ze zei zelf zich zij zijn zo zonder zou waar wanneer welke"
    "sv" Swedish Latin Swe
    "alla att av blev bli blir då de dem den denna deras dess det detta dig din dina du där eller en
     er ett från för ha hade han hans har här hon hur i icke inom inte ja jag kan man med mellan men
     mig min mina mot mycket ni nu när någon något några och om oss på samma sedan sig sin sina sitta
     som så till under upp ut utan vad var vara varför vem vi vid vilka vilken vilket är över"
    "no" Norwegian Latin Nob
    "alle at av bare ble bli blir både da de deg dem den denne der deres det dette di din du eller en
     enn er et etter for fordi fra før ha hadde han hans har hennes her hun hva hvem hvis hvor hvordan
     hvorfor i ikke ingen inn jeg kan kunne man med meg mellom men mot når noe noen nå og også om opp
     oss på samme seg selv sin sitt skal skulle slik som så til under ut uten var ved vi vil ville
     være vært"
    "da" Danish Latin Dan
    "af alle alt anden at blev blive bliver da de dem den denne der deres det dette dig din disse dog
     du efter eller en end er et for fra ham han hans har havde have hende hendes her hos hun hvad
     hvem hvis hvor hvordan hvorfor i ikke ind jeg jer jo kan kunne man mange med meget men mig min
     mod når ned noget nogle nu og også om op os over på selv sig sin skal skulle som sådan til ud
     under var vi vil ville vor være været"
    "fi" Finnish Latin Fin
    "ei eivät en että ettei he heidän hän hänen ihan ilman itse ja jo joka jos joka jotka johon joista
     joita jonka kanssa koska kuin kuinka kuka kun me mikä miksi minkä minun minä missä mitä mitkä
     mukaan mutta myös ne nämä niin niitä niiden näin ole oli olla ollut olen on ovat sekä se sen
     siellä siinä sitä sinä tai tämä tämän te tuo tässä vaan vai vaikka voi voidaan"
    "ro" Romanian Latin Ron
    "acea aceasta această acest aceste acești acel al ale am are au avea că care când ce cel cele cei
     cine cum cu da dar de deci din dintre după ea ei el ele era este eu fi fie fost iar îi îl în își
     la le lor lui mai mi nu noi nici o or pe pentru poate prin sa sale să sau se spre sunt și te
     toate tot tu un una unde unei unor unui vă voi"
    "hu" Hungarian Latin Hun
    "a abban ahhoz aki akik ami amely amelyek az azok azt azért be csak de e egy egyes együtt el és
     ennek erre ez ezek ezt ezért fel ha hanem hogy hogyan igen is itt ki kell le lehet lett már meg
     mely mert mi miért mikor milyen mind minden mint most nagy nagyon ne nem nincs ő ők össze ott
     pedig sem sok szerint talán te több ugyanis úgy után utána vagy van vannak vissza volt voltak"
    "tr" Turkish Latin Tur
    "acaba ama ancak bazı belki ben beni benim bir biri birkaç biz bize bu buna bunda bundan bunlar
     bunu bunun çok çünkü da daha de defa değil diye en gibi hem hep hepsi her hiç için ile ise
     kadar ki kim mı mi mu mü nasıl ne neden nerede nereye niçin o olan olarak oldu olduğu onlar
     onu onun sanki şey siz şu tüm var ve veya ya yani yok"
    "ca" Catalan Latin Cat
    "a al als amb aquest aquesta aquests això com d de del dels des dins doncs el els ella ells em en
     entre era es és està fer fins ha han hi i jo l la les li llavors més meu molt ni no nosaltres o
     on per però perquè pot què quan que qui s sense ser seu si sobre són sota també te tot tots un
     una uns unes va vosaltres"
    "id" Indonesian Latin Ind
    "ada adalah agar akan anda apa atau bagi bagaimana bahwa banyak beberapa bisa dalam dan dapat dari
     dengan di dia hanya harus ia ini itu jika juga kami karena kata ke kepada kita lain lebih maka
     masih mereka namun oleh pada para saat sangat saya seperti sebagai sebuah sudah tapi telah
     tersebut tidak untuk yang"
    "pl" Polish Latin Pol
    "aby ale bez być był była było były bo ci co czy dla do gdy gdzie go i ich ile im ja jak jako jego
     jej jest jeszcze jeśli już ją kiedy kto która które którego których który ku lub ma między mi
     mnie może my na nad nie niż o od on ona one oni oraz po pod ponieważ przed przez przy są się
     tak także tam te tego tej ten to tu ty tylko tym w we wszystko z za że ze"
    "cs" Czech Latin Ces
    "aby ale ani asi až bez bude by byl byla byli bylo být co což do ho i jak jako je jeho jejich její
     jen ještě ji jsem jsi jsou jsme k kde kdo kdy kdyby když která které který ke ku ma mi mezi
     může my na nad nebo není než nic o od on ona oni pak po pod podle pokud pouze pro proto protože
     před přes při s se si tak také tato ten tento to toho tom tu ty u už v ve více však z za ze že"
    "ru" Russian Cyrillic Rus
    "а без более бы был была были было быть в вам вас весь во вот все всего всех вы где да даже для до
     его ее если есть еще же за здесь и из или им их к как какой ко когда кто ли либо мне может мы
     на надо наш не него нее нет ни них но ну о об он она они оно от по под при с со так также такой
     там те тем то того тоже той только том ты у уже хотя чего чей чем что чтобы эта эти это этот я
     почему сколько"
    "el" Greek Greek Ell
    "και το να του η της με που την από για τα είναι των σε ο οι στο θα τη στην τον τους δεν τις ένα
     μια ότι ή στη στα μας αλλά στον αν πως τι όπως κατά αυτό αυτή αυτός μετά πολύ πριν σαν ως ήταν"
    "ar" Arabic Arabic Ara
    "في من على إلى عن مع هذا هذه ذلك تلك التي الذي الذين أن إن كان كانت لم لن لا ما هو هي هم نحن أنا
     أنت كل بعد قبل بين حتى إذا أو ثم قد لقد كما عند عندما حيث منذ أي هل كيف لماذا متى أين و"
    "hi" Hindi Devanagari Hin
    "के का की है में से को पर और यह हैं कि जो ने एक भी नहीं तो ही था थे थी या इस उस वह वे हो कर लिए
     साथ अपने कुछ जब तक बाद क्या कौन कैसे कहाँ क्यों होता होती रहा रही"
    "ta" Tamil Tamil Tam
    "ஒரு என்று மற்றும் இந்த இது என்ற கொண்டு என்பது பல ஆகும் அல்லது அவர் நான் உள்ள அந்த இவர் என
     முதல் என்ன இருந்து சில என் போன்ற வேண்டும் வந்து அது அவன் தான் பலரும் மேலும்"
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Tokenizer;

    fn language_of(text: &str) -> TextLanguage {
        let mut marks = Vec::new();
        Tokenizer::default().tokenize(text, |token| marks.push(stop_word_languages(token.lower)));
        TextLanguage::detect(text, marks.into_iter())
    }

    #[test]
    fn names_foreign_languages() {
        for (text, name) in [
            ("敷金は退去後三十日以内に返還されます。", Some("Japanese")),
            ("押金在搬出后三十天内退还给租户。", Some("Chinese")),
            ("보증금은 이사 후 30일 이내에 반환됩니다.", Some("Korean")),
            ("Залог возвращается в течение тридцати дней после выезда.", Some("Russian")),
            ("The tenant gets the deposit back within thirty days of moving out.", None),
            ("ls -la /tmp", None),
            ("", None),
        ] {
            assert_eq!(foreign_language(text, &["en"]), name, "{text}");
        }
    }

    #[test]
    fn tells_languages() {
        for (text, word, code) in [
            ("", "x", Some("en")),
            ("Lease", "lease", Some("en")),
            ("The deposit is returned by the landlord", "deposit", Some("en")),
            ("Die Kaution wird vom Vermieter nach dem Auszug zurückgezahlt", "kaution", Some("de")),
            ("Le dépôt est rendu par le propriétaire dans les trente jours", "dépôt", Some("fr")),
            ("El depósito se devuelve por el propietario de la casa", "depósito", Some("es")),
            ("Il deposito è restituito dal proprietario della casa", "deposito", Some("it")),
            ("De borg wordt door de verhuurder na dertig dagen teruggegeven", "borg", Some("nl")),
            ("Kaucja jest zwracana przez właściciela po trzydziestu dniach", "kaucja", Some("pl")),
            ("Залог возвращается хозяином", "залог", Some("ru")),
            ("commit push Залог pull", "commit", Some("en")),
            ("东京 大学", "东京", None),
            (
                "`git push --force origin main`: надіслати зміни до віддаленого сховища, навіть якщо його історія розійшлася з місцевою",
                "зміни",
                None,
            ),
            (
                "`git push --force origin main`: отправить изменения в удалённый репозиторий, даже если его история разошлась с местной",
                "изменения",
                Some("ru"),
            ),
            (
                "Tiền đặt cọc được chủ nhà trả lại trong vòng ba mươi ngày kể từ khi người thuê nhà chuyển đi khỏi căn hộ, và hợp đồng được chấm dứt theo đúng quy định",
                "tiền",
                None,
            ),
        ] {
            assert_eq!(language_of(text).of_word(word).map(Language::code), code, "{text}");
        }
    }

    #[test]
    fn stems() {
        let mut stems = Stems::default();
        for (code, word, stem) in [
            ("en", "running", "run"),
            ("en", "deposits", "deposit"),
            ("en", "x86s", "x86s"),
            ("en", "as", "as"),
            ("de", "häuser", "haus"),
            ("fr", "élevées", "elev"),
            ("ru", "домами", "дом"),
        ] {
            let language = Language::all().find(|l| l.code() == code).expect("known");
            assert_eq!(stems.stem(language, word), stem, "{word}");
        }
    }

    #[test]
    fn stop_words_are_short_enough_for_their_table() {
        for entry in &LANGUAGES {
            for word in entry.stop_words.split_whitespace() {
                assert!(word.len().max(fold_form(word).len()) <= 24, "{word}");
            }
        }
    }
}
