import { AzureChatOpenAI, ChatOpenAI } from "@langchain/openai";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hostOf, isPrivateHost, type Host } from "./host.ts";
import type { ChatModelLike, EndpointModel, LabelModel } from "./model-like.ts";

/** As written in an address, and what the URL standard makes of it. */
const insideHosts = [
  ...["localhost", "LOCALHOST", "localhost.", "api.localhost", "vllm", "3b-model", "my_model"],
  ...["phi4.models.internal", "PHI4.Models.Internal", "gpu.local", "gpu.local.", "gpu.lan", "box.home.arpa", "a.test"],
  ...["127.0.0.1", "127.255.0.3", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.9"],
  ...["169.254.0.5", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "１０.0.0.1", "10.0.0.1."],
  ...["[::1]", "[0:0:0:0:0:0:0:1]", "[fc00::1]", "[FD12:3456::1]", "[fe80::1]", "[febf::1]"],
];

const publicHosts = [
  ...["api.openai.com", "API.OPENAI.COM", "api.openai.com.", "localhost.evil.com", "x.localhost.evil.com"],
  ...["internal.evil.com", "phi4.internal.evil.com", "local.evil.com", "gpu.lan.evil.com"],
  ...["localhost。evil.com", "evil-internal.com", "home.arpa", "10.0.0.1.evil.com", "127.0.0.1.nip.io"],
  ...["8.8.8.8", "11.0.0.1", "9.255.255.255", "126.0.0.1", "128.0.0.1", "172.15.0.1", "172.32.0.1", "192.167.1.1"],
  ...["192.169.0.1", "169.253.0.1", "169.255.0.1", "100.64.0.1", "0.0.0.0"],
  // Decimal, octal and short notations of public addresses.
  ...["134744072", "0x08080808", "010.0.0.1", "1.1", "0xa.8.8.8.8"],
  ...["[2001:4860:4860::8888]", "[fc::1]", "[fec0::1]", "[fe7f::1]", "[::]"],
  // Mapped and translated addresses count as public, whatever they hold.
  ...["[::ffff:8.8.8.8]", "[::ffff:10.0.0.1]", "[::ffff:a00:1]", "[64:ff9b::8.8.8.8]", "[::10.0.0.1]"],
  // A country's domain may have an address of its own, and a name with a dot at its end is never one of the inside.
  ...["ai", "AI", "ai.", "xn--p1ai", "vllm.", "com."],
];

describe("a host", () => {
  it.each(insideHosts)("%s is inside", (host) => {
    expect(isPrivateHost(host)).toBe(true);
    expect(isPrivateHost(new URL(`http://${host}/v1`).hostname)).toBe(true);
  });

  it.each(publicHosts)("%s is public", (host) => {
    expect(isPrivateHost(host)).toBe(false);
    if (URL.canParse(`http://${host}/v1`)) expect(isPrivateHost(new URL(`http://${host}/v1`).hostname)).toBe(false);
  });

  it.each([
    "",
    ".",
    "..",
    " ",
    "10.0.0.999",
    "localhost:80",
    "evil.com@localhost",
    "evil.com/.internal",
    "evil.com#.local",
  ])("%j, which is none, is not inside", (host) => {
    expect(isPrivateHost(host)).toBe(false);
  });

  it("of any name below a public domain is public", () => {
    const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
    const below = fc.tuple(fc.array(label, { maxLength: 3 }), fc.constantFrom("openai.com", "example.org", "acme.ai"));
    const anyCase = fc.boolean();
    const check = ([labels, domain]: [string[], string], upper: boolean): void => {
      const name = [...labels, domain].join(".");
      expect(isPrivateHost(upper ? name.toUpperCase() : name)).toBe(false);
    };
    fc.assert(fc.property(below, anyCase, check));
  });

  it("of four octets is inside exactly in the ranges of RFC 1918, 3927 and the loopback", () => {
    const octet = fc.integer({ min: 0, max: 255 });
    const first = fc.oneof(octet, fc.constantFrom(10, 127, 169, 172, 192));
    const check = (...[a, b, c, d]: [number, number, number, number]): void => {
      const number = ((a * 256 + b) * 256 + c) * 256 + d;
      const ranges: readonly (readonly [number, number])[] = [
        [0x0a00_0000, 8],
        [0x7f00_0000, 8],
        [0xa9fe_0000, 16],
        [0xac10_0000, 12],
        [0xc0a8_0000, 16],
      ];
      const inside = ranges.some(([base, bits]) => Math.floor(number / 2 ** (32 - bits)) === base / 2 ** (32 - bits));
      expect(isPrivateHost(`${a}.${b}.${c}.${d}`)).toBe(inside);
      expect(isPrivateHost(String(number))).toBe(inside);
    };
    fc.assert(fc.property(first, octet, octet, octet, check), { numRuns: 300 });
  });
});

const invoke = () => Promise.resolve(0);

function client(fields: object): ChatModelLike {
  return { invoke, ...fields };
}

function at(baseURL: unknown): ChatModelLike {
  return client({ clientConfig: { baseURL } });
}

const classifier: LabelModel = {
  kind: "classifier",
  name: "intents",
  version: "1",
  labels: ["a", "b"],
  classify: () => ({ label: "a", rawProbability: 1, probability: 1 }),
};

const known = (name: string): Host => ({ kind: "known", name });
const unknown: Host = { kind: "unknown" };
const azure = { azureOpenAIApiKey: "k", azureOpenAIApiDeploymentName: "d", azureOpenAIApiVersion: "1" };

describe("the host of a model", () => {
  it.each<[string, EndpointModel, Host]>([
    ["a trained classifier", classifier, { kind: "none" }],
    ["an OpenAI client", new ChatOpenAI({ model: "m", apiKey: "k" }), known("api.openai.com")],
    [
      "an OpenAI client with an address",
      new ChatOpenAI({ model: "m", apiKey: "k", configuration: { baseURL: "http://PHI4.internal:8000/v1" } }),
      known("phi4.internal"),
    ],
    [
      "an Azure client, whatever base it was given: it calls its instance",
      new AzureChatOpenAI({
        ...{ ...azure, azureOpenAIApiInstanceName: "acme" },
        configuration: { baseURL: "http://localhost/v1" },
      }),
      known("acme.openai.azure.com"),
    ],
    [
      "an Azure client with an endpoint of its own inside and a public base path",
      new AzureChatOpenAI({
        ...{ ...azure, azureOpenAIEndpoint: "https://azure.internal" },
        azureOpenAIBasePath: "https://acme.openai.azure.com/openai/deployments",
      }),
      known("acme.openai.azure.com"),
    ],
    [
      "an Azure client with an endpoint inside",
      client({ azureOpenAIEndpoint: "https://azure.internal", _llmType: () => "azure_openai" }),
      known("azure.internal"),
    ],
    ["an Ollama client", client({ baseUrl: "http://127.0.0.1:11434" }), known("127.0.0.1")],
    ["a client that spells it baseURL", client({ baseURL: "http://gpu.local" }), known("gpu.local")],
    ["a client without an address", client({ _llmType: () => "anthropic" }), unknown],
    ["a client without anything", client({}), unknown],
    [
      "a client with an empty address, which is none",
      client({ ...at(""), _llmType: () => "openai" }),
      known("api.openai.com"),
    ],
    ["a public address behind user info", at("http://localhost@evil.com/v1"), known("evil.com")],
    ["a public address behind user info and a colon", at("http://localhost:80@evil.com/v1"), known("evil.com")],
    ["a public address before a fragment", at("http://evil.com#@localhost"), known("evil.com")],
    ["a decimal address", at("http://134744072/v1"), known("8.8.8.8")],
    ["an address without its scheme, whose host is none", at("api.openai.com:443/v1"), unknown],
    ["a local address without its scheme", at("localhost:8000/v1"), unknown],
    ["another scheme", at("ftp://localhost/v1"), unknown],
    ["what is no address", at("not a url"), unknown],
    ["an IPv6 zone", at("http://[fe80::1%25eth0]/v1"), unknown],
    ["what is no text", at({ toString: () => "http://localhost" }), unknown],
    [
      "two addresses, one of them public",
      client({ ...at("http://localhost"), baseUrl: "https://evil.com" }),
      known("evil.com"),
    ],
    ["two addresses, one of them unreadable", client({ ...at("http://localhost"), baseUrl: 5 }), unknown],
    ["a factory", () => at("http://localhost/v1"), known("localhost")],
    [
      "a factory of a public client for log-probabilities",
      ({ logprobs }) => at(logprobs ? "https://evil.com/v1" : "http://localhost/v1"),
      known("evil.com"),
    ],
    [
      "a factory that fails",
      () => {
        throw new Error("no key");
      },
      unknown,
    ],
    ["a factory of nothing", () => undefined as never, unknown],
    ["a factory of a promise", () => Promise.resolve(at("http://localhost")) as never, unknown],
  ])("of %s", (_what, model, host) => {
    expect(hostOf(model)).toEqual(host);
  });
});
