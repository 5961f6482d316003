# Completes `python -m recipes.NAME VERB --flag` in bash, and in zsh after
# `autoload -U +X bashcompinit && bashcompinit`. What there is it takes from --help.
_keras_seq_recipes() {
  local current="${COMP_WORDS[COMP_CWORD]}" words="" shown
  local command=("${COMP_WORDS[@]:0:3}")
  COMPREPLY=()
  [ "${COMP_WORDS[1]}" = "-m" ] || return 0
  if [ "$COMP_CWORD" -eq 2 ]; then
    words=$("${COMP_WORDS[0]}" -m recipes 2>/dev/null | awk '$2 == "-m" {print $3}')
  elif [[ "${COMP_WORDS[2]}" == recipes.* ]]; then
    if [[ "$COMP_CWORD" -gt 3 && "${COMP_WORDS[3]}" == [a-z]* ]]; then
      command+=("${COMP_WORDS[3]}")
    fi
    shown=$(COLUMNS=1000 "${command[@]}" --help 2>/dev/null)
    if [[ "$current" == -* ]]; then
      words=$(grep -oE -- '--[a-z][a-z0-9-]*' <<<"$shown" | sort -u)
    elif [ "$COMP_CWORD" -eq 3 ]; then
      words="train "$(grep -oE -- "-m ${COMP_WORDS[2]} [a-z]+" <<<"$shown" | awk '{print $3}')
    fi
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _keras_seq_recipes python python3
