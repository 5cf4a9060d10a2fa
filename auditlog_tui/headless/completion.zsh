#compdef auditlog-tui
# Completes auditlog-tui in zsh. Made by: auditlog-tui completion zsh

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

# Whether the file $REPLY can be a case, which is a database of SQLite.
_auditlog_tui_is_case() {
    local start
    [[ -f $REPLY && -r $REPLY ]] && read -r -u 0 -k 15 start <$REPLY
    [[ $start == "SQLite format 3" ]]
}

_auditlog_tui() {
    local command=auditlog-tui valued only_words count=1 word
    local -a offers
    for word in "${(@)words[2,CURRENT-1]}"; do
        if [[ -n $valued ]]; then
            valued=
        elif [[ -n $only_words ]]; then
            count=2
        elif [[ $word == -- ]]; then
            only_words=1
        else
            case $word in
                (@VALUED@) valued=$word ;;
                (-[a-z]*:*) count=2 ;;
                (-*) ;;
                (@COMMANDS@)
                    if [[ $command == auditlog-tui && $count == 1 ]]; then command=$word; else count=2; fi ;;
                (*) count=2 ;;
            esac
        fi
    done

    if [[ -n $valued ]]; then
        _auditlog_tui_offers "$command $valued"
    elif [[ -z $only_words && $PREFIX == --*=* ]]; then
        _auditlog_tui_offers "$command ${PREFIX%%=*}"
        compset -P '*='
    elif [[ -z $only_words && ( $PREFIX == - || $PREFIX == --* ) ]]; then
        _auditlog_tui_offers "$command -"
    else
        _auditlog_tui_offers "$command $count"
    fi
    _auditlog_tui_reply
}

_auditlog_tui_reply() {
    local -a whole begun
    whole=(${offers:#'<'*})
    case "$offers" in
        (*'<files>'*) _files; return ;;
        (*'<folders>'*) _path_files -/; return ;;
        (*'<cases>'*) _path_files -g '*(+_auditlog_tui_is_case)' || _path_files -/; return ;;
        (*'<profiles>'*) whole+=(${(f)"$(_auditlog_tui_profiles)"}) ;;
        (*'<filter>'*)
            compset -P '*[[:space:]]'
            compset -P '[-!(+]##'
            if [[ $PREFIX == *:* ]]; then
                whole=()
                _auditlog_tui_offers "${PREFIX%%:*}:"
                compset -P '*:'
                compset -P '*,'
            elif [[ $PREFIX == @* ]]; then
                whole=(${(f)"$(_auditlog_tui_saved)"})
                _auditlog_tui_offers @
            else
                _auditlog_tui_offers filter
            fi
            whole+=($offers) ;;
    esac
    begun=(${(M)whole:#(*\\:|*=|*\\::*)})
    whole=(${whole:|begun})
    _describe auditlog-tui whole -- begun -S ''
}

if [[ ${funcstack[1]} == _auditlog-tui ]]; then
    _auditlog_tui "$@"
else
    compdef _auditlog_tui auditlog-tui
fi
