/** A language model as the shell would have it: one server on this machine, one beyond it, and a keyring. ?nokeyring: there is none; ?deafmodel: the server never answers. */
import type { Api, ApiError, KeyPlace, LanguageModel } from "./types";

type Part = Pick<
  Api,
  | "getLanguageModel"
  | "saveLanguageModel"
  | "getLanguageModelKey"
  | "saveLanguageModelKey"
  | "deleteLanguageModelKey"
  | "testLanguageModel"
  | "listLanguageModels"
  | "cancelLanguageModelTest"
  | "detectLanguageModels"
>;

const LOCAL = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/;

export function fakeLanguageModel(params: URLSearchParams): Part {
  let settings: LanguageModel = { enabled: false, base_url: "", api: "open_ai", model: "", temperature: 0.2, context_tokens: 8192, allowed_hosts: [], excluded_notebooks: [] };
  const keys = new Map<string, KeyPlace>();
  let giveUp: (() => void) | null = null;

  const fail = (code: ApiError["code"], message: string): ApiError => ({ code, message });

  function address(text: string): URL {
    const url = URL.canParse(text.trim()) ? new URL(text.trim()) : null;
    if (!url?.protocol.startsWith("http")) throw fail("invalid", `this is no address of a language model: ${text.trim() || "it is empty"}`);
    return url;
  }

  function check(asked: LanguageModel): void {
    const url = address(asked.base_url);
    if (LOCAL.test(url.hostname)) return;
    const entry = asked.allowed_hosts.find((host) => host.replace(/^https?:\/\//, "") === url.host);
    if (entry === undefined) throw fail("invalid", `${url.host} is not among the hosts that notes may be sent to`);
    if (url.protocol === "http:" && !entry.startsWith("http://")) throw fail("invalid", `${url.host} would be spoken to without encryption: use https, or allow http://${url.host}`);
  }

  /** Ends when the server answers, which one that is deaf never does. */
  async function wait(): Promise<void> {
    giveUp?.();
    await new Promise<void>((resolve, reject) => {
      giveUp = () => reject(fail("busy", "cancelled"));
      if (!params.has("deafmodel")) setTimeout(resolve, 120);
    });
  }

  return {
    getLanguageModel: async () => structuredClone(settings),
    saveLanguageModel: async (asked) => {
      if (asked.enabled) {
        check(asked);
        if (!asked.model.trim()) throw fail("invalid", "a model has to be chosen");
      }
      if (asked.context_tokens < 512) throw fail("invalid", "the context is 512 to 4000000 tokens long");
      settings = { ...structuredClone(asked), base_url: asked.base_url.trim(), model: asked.model.trim() };
      return structuredClone(settings);
    },
    getLanguageModelKey: async (baseUrl) => (URL.canParse(baseUrl) ? (keys.get(new URL(baseUrl).host) ?? null) : null),
    saveLanguageModelKey: async (baseUrl, key) => {
      if (!/^[!-~]+$/.test(key.trim())) throw fail("invalid", "the key holds characters that no key has");
      const place: KeyPlace = params.has("nokeyring") ? "session" : "keyring";
      keys.set(address(baseUrl).host, place);
      return place;
    },
    deleteLanguageModelKey: async (baseUrl) => void keys.delete(address(baseUrl).host),
    testLanguageModel: async (asked) => {
      check(asked);
      if (!asked.model.trim()) throw fail("invalid", "a model has to be chosen");
      await wait();
      const { host, hostname } = address(asked.base_url);
      if (!LOCAL.test(hostname) && !keys.has(host)) throw fail("internal", `${host} refuses the key, or wants one`);
      return { answer: "ready", first_token_ms: 840, whole_ms: 1210 };
    },
    listLanguageModels: async (asked) => {
      check(asked);
      await wait();
      return ["gemma3:4b", "llama3.2:3b", "qwen3:8b"];
    },
    cancelLanguageModelTest: async () => giveUp?.(),
    detectLanguageModels: async () => {
      await wait();
      return [{ name: "Ollama", base_url: "http://127.0.0.1:11434", api: "ollama", models: ["gemma3:4b", "llama3.2:3b", "qwen3:8b"] }];
    },
  };
}
