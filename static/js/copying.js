// Copying a code block or a whole message, wrapping long lines of code, and asking before a foreign picture is opened.

const copy = async (button, text) => {
  try {
    await navigator.clipboard.writeText(text)
  } catch {
    copyBySelection(text)
  }
  tell(button, "Copied")
}

// Without https there is no clipboard object.
const copyBySelection = (text) => {
  const box = document.createElement("textarea")
  box.value = text
  box.className = "visually-hidden"
  document.body.append(box)
  box.select()
  document.execCommand("copy")
  box.remove()
}

const tell = (button, words) => {
  const was = button.textContent
  button.classList.add("copied")
  if (was) button.textContent = words
  document.getElementById("announcement").textContent = words
  setTimeout(() => {
    button.classList.remove("copied")
    if (was) button.textContent = was
  }, 1600)
}

const sourceOf = (message) => message.querySelector("template.source")?.content ?? message.querySelector(".said")

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-copy-message], [data-wrap], a.image-blocked")
  if (!button || button.classList.contains("copied")) return
  const figure = button.closest("figure.code")
  if (button.matches("[data-copy]")) copy(button, figure.querySelector("code").textContent)
  else if (button.matches("[data-copy-message]")) copy(button, sourceOf(button.closest(".message")).textContent)
  else if (button.matches("[data-wrap]")) button.ariaPressed = figure.classList.toggle("wrap")
  else {
    event.preventDefault()
    document.getElementById("image-address").textContent = button.href
    document.getElementById("image-open").href = button.href
    document.getElementById("image-dialog").showModal()
  }
})
