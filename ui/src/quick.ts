import { mount } from "svelte";
import { api } from "./api";
import QuickWindow from "./quick/QuickWindow.svelte";
import "./styles/base.css";

addEventListener("error", (e) => void api.reportError(`quick: ${e.message} (${e.filename}:${e.lineno})`));
addEventListener("unhandledrejection", (e) => void api.reportError(`quick: unhandled: ${String(e.reason)}`));

const target = document.getElementById("app");
if (!target) throw new Error("the page has no #app");
mount(QuickWindow, { target });
