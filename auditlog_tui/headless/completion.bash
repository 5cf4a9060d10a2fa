# Completes auditlog-tui in bash. Made by: auditlog-tui completion bash

_auditlog_tui_offers() {
    offers=()
    case $1 in
@OFFERS@
    esac
}

# The names of [profiles.NAME] in the settings file, which lies in either of two places.
_auditlog_tui_profiles() {
    sed -n 's/^[[:space:]]*\[profiles\.\([A-Za-z0-9_-]*\)\].*/\1/p' \
        "${XDG_CONFIG_HOME:-$HOME/.config}/auditlog-tui/config.toml" \
        "$HOME/Library/Application Support/auditlog-tui/config.toml" 2>/dev/null
}

# The saved filters of that file, those of all profiles.
_auditlog_tui_saved() {
    cat "${XDG_CONFIG_HOME:-$HOME/.config}/auditlog-tui/config.toml" \
        "$HOME/Library/Application Support/auditlog-tui/config.toml" 2>/dev/null |
        awk '/^[ \t]*\[/ { views = /^[ \t]*\[(profiles\.[A-Za-z0-9_-]+\.)?views\]/ }
        views && /^[ \t]*[A-Za-z0-9_-]+[ \t]*=/ { gsub(/^[ \t]*|[ \t]*=.*/, ""); print "@" $0 }'
}

# Whether a file can be a case, which is a database of SQLite.
_auditlog_tui_is_case() {
    local file=${1/#\~\//$HOME/} start=
    [[ -f $file && -r $file ]] && IFS= read -r -n 15 start <"$file"
    [[ $start == "SQLite format 3" ]]
}

_auditlog_tui() {
    local line=${COMP_LINE:0:COMP_POINT} command=auditlog-tui valued= only_words= count=0 word current head=
    local -a offers before
    current=${line##*[[:space:]]}
    read -ra before <<<"${line:0:${#line}-${#current}}"
    for word in "${before[@]:1}"; do
        if [[ $valued ]]; then
            valued=
        elif [[ $only_words ]]; then
            count=2
        elif [[ $word == -- ]]; then
            only_words=1
        else
            case $word in
                @VALUED@) valued=$word ;;
                -*) [[ $word == -[a-z]*:* ]] && count=2 ;;
                @COMMANDS@)
                    if [[ $command == auditlog-tui && $count == 0 ]]; then command=$word; else count=2; fi ;;
                *) count=2 ;;
            esac
        fi
    done

    # In a quoted word, bash replaces everything from the quote on.
    local quoted= kept=
    [[ $current == [\'\"]* ]] && current=${current:1}
    if [[ ${COMP_WORDS[COMP_CWORD]} == [\'\"]* ]]; then
        quoted=1 kept=${COMP_WORDS[COMP_CWORD]:1}
        kept=${kept:0:${#kept}-${#current}}
    fi

    if [[ $valued ]]; then
        _auditlog_tui_offers "$command $valued"
    elif [[ ! $only_words && $current == --*=* ]]; then
        head=${current%%=*}=
        _auditlog_tui_offers "$command ${head%=}"
    elif [[ ! $only_words && ( $current == - || $current == --* ) ]]; then
        _auditlog_tui_offers "$command -"
    else
        _auditlog_tui_offers "$command $((count ? 2 : 1))"
    fi
    _auditlog_tui_reply
}

_auditlog_tui_reply() {
    local value sign
    local -a words=()
    for word in "${offers[@]}"; do
        case $word in
            '<files>') compopt -o default 2>/dev/null; return ;;
            '<folders>') compopt -o dirnames 2>/dev/null; return ;;
            '<cases>')
                value=${current#"$head"}
                [[ $quoted ]] || value=${value//\\/}
                while IFS= read -r word; do
                    _auditlog_tui_is_case "$word" && words+=("$word")
                done < <(compgen -f -- "$value")
                [[ ${words[*]} ]] || compopt -o dirnames 2>/dev/null ;;
            '<profiles>') words+=($(_auditlog_tui_profiles)) ;;
            '<filter>')
                sign=${current%%[!-!(+]*} value=${current#*:}
                head=$sign
                if [[ $current == *:* ]]; then
                    value=${value##*,}
                    head=${current:0:${#current}-${#value}}
                    word=${current:${#sign}}
                    words=()
                    _auditlog_tui_offers "${word%%:*}:"
                elif [[ $current == @* ]]; then
                    words=($(_auditlog_tui_saved))
                    _auditlog_tui_offers @
                else
                    _auditlog_tui_offers filter
                fi
                words+=("${offers[@]}") ;;
            *) words+=("$word") ;;
        esac
    done

    # Outside of quotes, bash replaces what follows the last break of words, of which : and = are two.
    local broken= bare=${current//\\?/xx}
    if [[ ! $quoted && $bare == *["$COMP_WORDBREAKS"]* ]]; then
        value=${bare##*["$COMP_WORDBREAKS"]}
        broken=${current:0:${#current}-${#value}}
        broken=${broken%@}  # which bash counts to the word behind it
    fi
    for word in "${words[@]}"; do
        [[ $quoted ]] || printf -v word %q "$word"
        [[ $word == '\~/'* ]] && word=${word:1}
        [[ $head$word == "$current"* ]] && COMPREPLY+=("$kept${head:${#broken}}${word:$((${#broken} > ${#head} ? ${#broken} - ${#head} : 0))}")
    done
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[:=] ]]; then
        compopt -o nospace 2>/dev/null
        [[ $quoted ]] && COMPREPLY+=("${COMPREPLY[0]} ")  # or bash would close the quote
    fi
}

complete -F _auditlog_tui auditlog-tui
