// What the pages gain from JavaScript beyond htmx. Everything here is an addition: without it every page still works.
"use strict";

const root = document.documentElement;
root.classList.add("js");
// htmx restores only entries it knows; the first one is as much a page as those it pushes.
history.replaceState({ ...history.state, htmx: true }, "");

/* Pictures that cannot be loaded give way to the title card under them. */
const drop = (image) => image.matches?.(".art img") && image.remove();
document.addEventListener("error", (event) => drop(event.target), true);
document.querySelectorAll(".art img").forEach((image) => {
  if (image.complete && image.src && !image.naturalWidth) drop(image);
});

/* Toasts leave when their bar has run out (the style sheet stops it while one looks) or by their button. */
document.addEventListener("animationend", (event) => {
  if (event.target.matches(".toast-time")) leave(event.target.closest(".toast"));
});

function leave(toast) {
  if (toast.contains(document.activeElement)) document.getElementById("main").focus({ preventScroll: true });
  toast.remove();
}

function say(name) {
  const toast = document.getElementById(name).content.cloneNode(true);
  document.getElementById("alerts").replaceChildren(toast);
}

/* Errors: the server's own words where it sent a message, else one of ours. */
document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  const isSwapped = ctx.sourceElement.closest(`[hx-status\\:${ctx.response.status}]`);
  if (!isSwapped && !/<hx-partial|hx-swap-oob/.test(ctx.text)) say("failed-toast");
});
const isPoll = (element) => element?.getAttribute?.("hx-trigger")?.includes("every ");
document.addEventListener("htmx:error", ({ detail }) => {
  // A poll that fails while the server restarts is tried again anyway.
  if (detail.ctx && !detail.ctx.response && !isPoll(detail.ctx.sourceElement)) say("offline-toast");
});

/* A poll that was asked before a change was shown must not bring back how it was. */
document.addEventListener("htmx:before:swap", ({ detail: { ctx } }) => {
  if (isPoll(ctx.sourceElement)) return;
  document.querySelectorAll('[hx-trigger*="every "]').forEach((poll) => poll.dispatchEvent(new Event("htmx:abort")));
});

/* Focus: where what had it is swapped away, the same control of what took its place gets it, or of a neighbour. */
let lost = null;
document.addEventListener("htmx:before:swap", ({ detail: { tasks } }) => {
  const active = document.activeElement;
  const row = active.closest("[data-keep-focus] > *");
  const list = row?.parentElement;
  const swapped = tasks.find(({ target }) => target?.contains?.(active));
  lost = { active, list, index: list && [...list.children].indexOf(row), id: swapped?.target.id };
});
document.addEventListener("htmx:after:swap", () => {
  if (!lost || lost.active.isConnected || document.activeElement !== document.body) return;
  const rows = [...(lost.list?.children ?? [])];
  const near = [...rows.slice(lost.index), ...rows.slice(0, lost.index).reverse()].find((row) => !row.hidden);
  const place = near ?? document.getElementById(lost.id);
  const kind = lost.active.classList[0];
  const same = kind && place?.querySelector(`.${CSS.escape(kind)}:not(.menu-panel *)`);
  const next = same ?? place?.querySelector("button, a, summary") ?? document.getElementById("main");
  next.focus({ preventScroll: true });
  lost = null;
});

/* Menus close by Escape and by choosing, and hand the focus back. */
const closeMenus = (except) =>
  document.querySelectorAll(".menu[open]").forEach((menu) => menu !== except && (menu.open = false));
document.addEventListener("toggle", (event) => {
  if (event.target.matches?.(".menu[open]")) closeMenus(event.target);
}, true);
document.addEventListener("focusin", (event) => {
  const open = document.querySelector(".menu[open]");
  if (open && !open.contains(event.target)) open.open = false;
});

/* Theme: kept in a cookie, so that the server draws the next page in it. */
function setTheme(name) {
  const scope = `path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
  document.cookie = name === "system" ? `theme=; ${scope}; max-age=0` : `theme=${name}; ${scope}`;
  if (name === "system") delete root.dataset.theme;
  else root.dataset.theme = name;
  document.querySelectorAll("[data-theme-choice]").forEach((button) =>
    button.setAttribute("aria-pressed", button.dataset.themeChoice === name));
}

async function copy(button) {
  const input = document.getElementById(button.dataset.copy);
  input.select();
  try {
    await navigator.clipboard.writeText(input.value);
  } catch {
    document.execCommand("copy"); // plain http has no clipboard
  }
  const icon = button.querySelector("use");
  const was = icon.getAttribute("href");
  icon.setAttribute("href", was.replace(/#.*/, "#check"));
  setTimeout(() => icon.setAttribute("href", was), 2000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.themeChoice) setTheme(button.dataset.themeChoice);
  if (button.dataset.copy) copy(button);
  if ("dismiss" in button.dataset) leave(button.closest(".toast"));
});

/* Keys. Single letters can be turned off: <body data-keys="off">. */
let went = -Infinity;
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    const menu = document.querySelector(".menu[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
    return;
  }
  const isTyping = event.target.closest("input, textarea, select, dialog[open], [contenteditable]");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || document.body.dataset.keys === "off") return;
  if (event.timeStamp - went < 1500) document.querySelector(`.nav [data-key="${CSS.escape(event.key)}"]`)?.click();
  went = event.key === "g" ? event.timeStamp : -Infinity;
  if (event.key === "?") document.getElementById("keys")?.showModal();
  if (event.key === "u") document.querySelector("#toasts .toast:last-child form button")?.click();
  if (event.key === "/") {
    const search = document.querySelector("[type=search]");
    if (search) {
      event.preventDefault();
      search.focus();
    } else document.querySelector('.nav [data-key="l"]')?.click();
  }
});

/* The first run tells the server its time zone. */
document.querySelectorAll("input[data-time-zone]").forEach((input) => {
  input.value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
});
