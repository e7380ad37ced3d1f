// Whether the reader has opened or closed a piece of reasoning stays so, whatever the stream puts in its place.

const choices = new Map()

document.addEventListener("click", ({ target }) => {
  const details = target.closest(".reasoning > summary")?.parentElement
  if (details) choices.set(details.id, !details.open)
})

const restore = () => {
  for (const [id, open] of choices) {
    const details = document.getElementById(id)
    if (details && details.open !== open) details.open = open
  }
}

document.addEventListener("htmx:load", restore)
