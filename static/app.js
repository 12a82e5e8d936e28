// What the pages gain from JavaScript beyond htmx. Everything here is an addition: without it every page still works.
"use strict";

const root = document.documentElement;
root.classList.add("js");
// htmx restores only history entries it knows; the first page is one as much as those it pushes.
history.replaceState({ ...history.state, htmx: true }, "");

/* Pictures: one that cannot be loaded gives way to the title card under it. */
function dropBrokenImage(image) {
  if (image.matches?.(".art img")) image.remove();
}

document.addEventListener("error", (event) => dropBrokenImage(event.target), true);
document.querySelectorAll(".art img").forEach((image) => {
  const hasFailed = image.complete && image.src && !image.naturalWidth;
  if (hasFailed) dropBrokenImage(image);
});

/* Toasts close when their bar has run out (the style sheet stops it while one looks), or by their button. */
function showToast(templateId) {
  const toast = document.getElementById(templateId).content.cloneNode(true);
  document.getElementById("alerts").replaceChildren(toast);
}

function closeToast(toast) {
  if (toast.contains(document.activeElement)) focusMain();
  toast.remove();
}

function focusMain() {
  document.getElementById("main").focus({ preventScroll: true });
}

document.addEventListener("animationend", (event) => {
  if (event.target.matches(".toast-time")) closeToast(event.target.closest(".toast"));
});

/* Errors: the server's own message where it sent one, else one of ours. */
function showsError({ sourceElement, response, text }) {
  const isSwapped = sourceElement.closest(`[hx-status\\:${response.status}]`);
  return isSwapped || /<hx-partial|hx-swap-oob/.test(text);
}

document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  if (!showsError(ctx)) showToast("failed-toast");
});

document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  const isOffline = ctx && !ctx.response;
  // A poll that fails while the server restarts is tried again anyway.
  if (isOffline && !isPoll(ctx.sourceElement)) showToast("offline-toast");
});

/* Polls: one that was sent before a change must not bring back the state before it. */
function isPoll(element) {
  return element?.getAttribute?.("hx-trigger")?.includes("every ");
}

function abortPolls() {
  const polls = document.querySelectorAll('[hx-trigger*="every "]');
  polls.forEach((poll) => poll.dispatchEvent(new Event("htmx:abort")));
}

document.addEventListener("htmx:before:swap", ({ detail: { ctx } }) => {
  if (!isPoll(ctx.sourceElement)) abortPolls();
});

/* Focus: when the focused control is swapped away, the same control of its replacement or neighbour gets the focus. */
let focusBefore = null;

document.addEventListener("htmx:before:swap", ({ detail: { tasks } }) => {
  const active = document.activeElement;
  const row = active.closest("[data-keep-focus] > *");
  const list = row?.parentElement;
  const swapped = tasks.find(({ target }) => target?.contains?.(active));
  focusBefore = { active, list, index: list && [...list.children].indexOf(row), id: swapped?.target.id };
});

document.addEventListener("htmx:after:swap", () => {
  const isLost = focusBefore && !focusBefore.active.isConnected && document.activeElement === document.body;
  if (!isLost) return;
  const container = nearestRow(focusBefore) ?? document.getElementById(focusBefore.id);
  const control = container && similarControl(container, focusBefore.active);
  if (control) control.focus({ preventScroll: true });
  else focusMain();
  focusBefore = null;
});

/* The row that took the lost row's place, else the next one that is visible, else the one before. */
function nearestRow({ list, index }) {
  const rows = [...(list?.children ?? [])];
  const nearest = [...rows.slice(index), ...rows.slice(0, index).reverse()];
  return nearest.find((row) => !row.hidden);
}

function similarControl(container, lost) {
  const kind = lost.classList[0];
  const same = kind && container.querySelector(`.${CSS.escape(kind)}:not(.menu-panel *)`);
  return same ?? container.querySelector("button, a, summary");
}

/* Menus: one at a time, closed by Escape and by leaving them. */
const openMenu = () => document.querySelector(".menu[open]");

document.addEventListener("toggle", (event) => {
  if (!event.target.matches?.(".menu[open]")) return;
  document.querySelectorAll(".menu[open]").forEach((menu) => {
    if (menu !== event.target) menu.open = false;
  });
}, true);

document.addEventListener("focusin", (event) => {
  const menu = openMenu();
  if (menu && !menu.contains(event.target)) menu.open = false;
});

function closeMenu() {
  const menu = openMenu();
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
}

/* Theme: kept in a cookie, so that the server renders the next page in it. */
function setTheme(name) {
  const scope = `path=/; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
  if (name === "system") {
    document.cookie = `theme=; ${scope}; max-age=0`;
    delete root.dataset.theme;
  } else {
    document.cookie = `theme=${name}; ${scope}; max-age=31536000`;
    root.dataset.theme = name;
  }
  document.querySelectorAll("[data-theme-choice]").forEach((button) => {
    button.setAttribute("aria-pressed", button.dataset.themeChoice === name);
  });
}

async function copy(button) {
  const input = document.getElementById(button.dataset.copy);
  input.select();
  try {
    await navigator.clipboard.writeText(input.value);
  } catch {
    document.execCommand("copy"); // plain http has no clipboard
  }
  showCheck(button.querySelector("use"));
}

function showCheck(icon) {
  const before = icon.getAttribute("href");
  icon.setAttribute("href", before.replace(/#.*/, "#check"));
  setTimeout(() => icon.setAttribute("href", before), 2000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.themeChoice) setTheme(button.dataset.themeChoice);
  if (button.dataset.copy) copy(button);
  if ("dismiss" in button.dataset) closeToast(button.closest(".toast"));
});

/* Keys. Single letters can be turned off: <body data-keys="off">. */
const followLink = (key) => document.querySelector(`.nav [data-key="${CSS.escape(key)}"]`)?.click();

const SHORTCUTS = {
  "?": () => document.getElementById("keys")?.showModal(),
  "u": () => document.querySelector("#toasts .toast:last-child form button")?.click(),
  "/": (event) => {
    const search = document.querySelector("[type=search]");
    if (!search) return followLink("l");
    event.preventDefault();
    search.focus();
  },
};
let gPressedAt = -Infinity;

function isForPage(event) {
  const isTyping = event.target.closest("input, textarea, select, dialog[open], [contenteditable]");
  const hasModifier = event.ctrlKey || event.metaKey || event.altKey;
  return !isTyping && !hasModifier && document.body.dataset.keys !== "off";
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") return closeMenu();
  if (!isForPage(event)) return;
  if (event.timeStamp - gPressedAt < 1500) followLink(event.key);
  gPressedAt = event.key === "g" ? event.timeStamp : -Infinity;
  if (Object.hasOwn(SHORTCUTS, event.key)) SHORTCUTS[event.key](event);
});

/* The first run tells the server its time zone. */
document.querySelectorAll("input[data-time-zone]").forEach((input) => {
  input.value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
});
